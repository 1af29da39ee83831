"""Long lists as jobs: the same answer as at once, progress, errors before the job, and a page that follows it."""

import json
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from archive.jobs import run_next_job

pytestmark = pytest.mark.django_db
URL = "/api/v1/upper-limits/jobs"
LIST = b"ra,dec,label\n120,-30,a\n10,91,b\n315,-41,c\n"


@pytest.fixture
def jobs(limits, settings, tmp_path):
    settings.RESULTS_ROOT = tmp_path / "jobs"


def test_a_job_gives_the_same_bytes_as_the_synchronous_answer(client, jobs):
    response = client.post(f"{URL}?format=csv", LIST, content_type="text/csv")
    assert response.status_code == 303
    address = response["Location"]
    assert client.get(address).json()["phase"] == "QUEUED"
    assert client.get(f"{address}/result").status_code == 404
    assert 'http-equiv="refresh"' in client.get(address, headers={"accept": "text/html"}).content.decode()
    assert run_next_job()
    job = client.get(address).json()
    assert (job["phase"], job["progress"], job["rows"]) == ("COMPLETED", 1.0, 6)
    at_once = client.post("/api/v1/upper-limits?format=csv", LIST, content_type="text/csv")
    assert client.get(job["result"]).getvalue() == at_once.getvalue()
    assert "Download 6 rows" in client.get(address, headers={"accept": "text/html"}).content.decode()


def test_the_form_of_the_page_makes_a_job(client, jobs):
    form = {"file": SimpleUploadedFile("list.csv", LIST), "format": "json", "band": "20-40"}
    address = client.post(URL, form)["Location"]
    run_next_job()
    answer = json.loads(client.get(f"{address}/result").getvalue())
    assert [row["status"] for row in answer["results"]] == ["limit", "bad position", "outside coverage"]
    assert answer["results"][1]["message"] == "dec is 91.0; expected -90 to 90 degrees"


def test_what_cannot_be_answered_makes_no_job(client, jobs):
    assert client.post(f"{URL}?band=1-2", LIST, content_type="text/csv").status_code == 400
    assert client.post(URL, b"nothing", content_type="text/csv").status_code == 400
    assert client.get(f"{URL}/{uuid4()}").status_code == 404
    assert not run_next_job()


def test_a_job_can_be_aborted(client, jobs):
    address = client.post(URL, LIST, content_type="text/csv")["Location"]
    assert client.delete(address).json()["phase"] == "ABORTED"
    assert not run_next_job()
