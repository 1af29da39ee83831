"""After publication: read again what users will read, by every way they have."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection, transaction

from archive.models import ProductFile, Submission
from archive.storage import digest_file, file_path

MAX_FETCHED = 20
_TIMEOUT_S = 20


def read_back_release(submission: Submission, say: Callable[[str], None]) -> dict[str, Any]:
    """Return what was read and what was wrong, as values for JSON."""
    errors: list[str] = []
    held_files = ProductFile.objects.filter(delivery_id=submission.delivery_id, release_from=submission.release)
    files = held_files.order_by("product_id", "file_name").values_list(
        "product_id", "file_name", "sha256", "size_bytes"
    )
    count = files.count()
    say(f"reading {count} files back")
    for _, name, sha256, size in files.iterator():
        path = file_path(sha256)
        if not path.is_file():
            errors.append(f"{name}: the stored file is missing")
        elif (held := digest_file(path)).sha256 != sha256 or held.size_bytes != size:
            errors.append(f"{name}: the stored file has the digest {held.sha256}")
    rows = _count_served(submission, count, errors)
    fetched, note = _fetch(list(files[:MAX_FETCHED]), errors)
    if count > MAX_FETCHED and not note:
        note = f"the first {MAX_FETCHED} files were fetched"
    return {"files_hashed": count, "rows_queried": rows, "files_fetched": fetched, "note": note, "errors": errors}


def _count_served(submission: Submission, files: int, errors: list[str]) -> int:
    """Count the delivery's rows with the rights and through the views of TAP."""
    if submission.release is None:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true)", [settings.TAP_ROLE])
        query = "SELECT count(*) FROM integral.product_files WHERE delivery_id = %s AND release = %s"
        cursor.execute(query, [submission.delivery_id, submission.release.name])
        row = cursor.fetchone()
        cursor.execute("SELECT release FROM integral.releases WHERE release = %s", [submission.release.name])
        is_served = cursor.fetchone() is not None
        cursor.execute("SELECT set_config('role', 'none', true)")  # the transaction may go on outside
    if not is_served:
        errors.append(f"release {submission.release.name} is not served: another one is current")
    elif row is None or row[0] != files:
        errors.append(f"TAP serves {row[0] if row else 0} files of the delivery, the archive holds {files}")
    return row[0] if row else 0


def _fetch(files: list[tuple[str, str, str, int]], errors: list[str]) -> tuple[int, str]:
    """Fetch files from the archive's own address; return how many came, and why not the others."""
    fetched = 0
    for product_id, name, sha256, _ in files:
        url = f"{settings.PUBLIC_URL}/products/{quote(product_id, safe='')}/files/{quote(name, safe='')}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own address
                digest = hashlib.file_digest(answer, "sha256").hexdigest()
        except urllib.error.HTTPError as error:
            errors.append(f"{name}: {url} answers {error.code} {HTTPStatus(error.code).phrase}")
        except OSError as error:
            return fetched, f"not fetched by URL: no server answers at {settings.PUBLIC_URL} ({error})"
        else:
            fetched += 1
            if digest != sha256:
                errors.append(f"{name}: {url} gives other bytes")
    return fetched, ""
