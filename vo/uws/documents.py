"""Writes the documents of UWS 1.1 section 2.2: a job, a list of jobs, and the parts of a job."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from archive.models.job import Job
from vo.votable import clean

_NAMESPACE = "http://www.ivoa.net/xml/UWS/v1.0"
_START = (
    f'xmlns:uws="{_NAMESPACE}" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{_NAMESPACE} http://www.ivoa.net/xml/UWS/v1.0"'
)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def shown_phase(phase: str) -> str:
    """Return the phase that clients see.

    A waiting job is shown as EXECUTING, because clients in use (astroquery 0.4.11) take QUEUED for an end; its start
    time is nil until a worker has it.
    """
    return Job.Phase.EXECUTING if phase == Job.Phase.QUEUED else phase


def iso_time(time: datetime | None) -> str:
    """Return a time as UWS writes it, in UTC with a Z; empty for None.

    Examples
    --------
    >>> iso_time(datetime(2005, 1, 31, 12, 0, 0, 5000, tzinfo=UTC))
    '2005-01-31T12:00:00.005Z'
    """
    if time is None:
        return ""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _element(name: str, text: str, *, nillable: bool = False) -> str:
    if not text:
        return f'<uws:{name} xsi:nil="true"/>\n' if nillable else ""
    return f"<uws:{name}>{escape(clean(text))}</uws:{name}>\n"


def job_document(job: Job, address: str, owner: str = "") -> str:
    """Return the whole description of a job whose address is given; `owner` is the account's name."""
    return (
        f'{_XML}<uws:job {_START} version="1.1">\n'
        + _element("jobId", str(job.job_id))
        + _element("runId", job.run_id)
        + _element("ownerId", owner, nillable=True)
        + _element("phase", shown_phase(job.phase))
        + _element("quote", "", nillable=True)
        + _element("creationTime", iso_time(job.created_at))
        + _element("startTime", iso_time(job.started_at), nillable=True)
        + _element("endTime", iso_time(job.ended_at), nillable=True)
        + _element("executionDuration", str(job.execution_duration_s))
        + _element("destruction", iso_time(job.destruction_at), nillable=True)
        + _parameters(job.arguments["parameters"], "")
        + _results(job, address, "")
        + _error_summary(job)
        + _job_info(job)
        + "</uws:job>\n"
    )


def parameters_document(job: Job) -> str:
    """Return the parameters of a job."""
    return _XML + _parameters(job.arguments["parameters"], " " + _START)


def results_document(job: Job, address: str) -> str:
    """Return the list of results of a job: none, or the one named ``result``."""
    return _XML + _results(job, address, " " + _START)


def _parameters(parameters: Sequence[Sequence[str]], start: str) -> str:
    written = "".join(
        f"<uws:parameter id={quoteattr(clean(name))}>{escape(clean(value))}</uws:parameter>\n"
        for name, value in parameters
    )
    return f"<uws:parameters{start}>\n{written}</uws:parameters>\n"


def _results(job: Job, address: str, start: str) -> str:
    written = ""
    if job.phase == Job.Phase.COMPLETED and job.result:
        written = (
            f'<uws:result id="result" xlink:href={quoteattr(f"{address}/results/result")} '
            f'mime-type={quoteattr(job.result["media_type"])} size="{job.result["size_bytes"]}"/>\n'
        )
    return f"<uws:results{start}>\n{written}</uws:results>\n"


def _error_summary(job: Job) -> str:
    if job.phase != Job.Phase.ERROR:
        return ""
    message = _element("message", job.message or "the job failed")
    return f'<uws:errorSummary type="fatal" hasDetail="true">\n{message}</uws:errorSummary>\n'


def _job_info(job: Job) -> str:
    """Write what UWS 1.1 section 2.1 leaves to the service: progress, rows, and what the planner expected."""
    facts: dict[str, object] = dict(job.result or {})
    shown = {
        "progress": f"{job.progress:.3f}" if job.phase in {Job.Phase.EXECUTING, Job.Phase.COMPLETED} else None,
        "progressMessage": job.message if job.phase == Job.Phase.EXECUTING else None,
        "rows": facts.get("rows"),
        "estimatedRows": facts.get("estimated_rows"),
        "estimatedCost": facts.get("estimated_cost"),
        "estimatedSeconds": facts.get("estimated_s"),
    }
    written = "".join(
        f"<{name}>{escape(clean(str(value)))}</{name}>\n" for name, value in shown.items() if value not in {None, ""}
    )
    return f"<uws:jobInfo>\n{written}</uws:jobInfo>\n" if written else ""


def list_document(jobs: Iterable[Job], address: str, owner: str = "") -> str:
    """Return a list of jobs; `address` is that of the list, `owner` the account's name."""
    written = "".join(
        f'<uws:jobref id="{job.job_id}" xlink:href={quoteattr(f"{address}/{job.job_id}")}>\n'
        + _element("phase", shown_phase(job.phase))
        + _element("runId", job.run_id)
        + _element("ownerId", owner, nillable=True)
        + _element("creationTime", iso_time(job.created_at))
        + "</uws:jobref>\n"
        for job in jobs
    )
    return f'{_XML}<uws:jobs {_START} version="1.1">\n{written}</uws:jobs>\n'
