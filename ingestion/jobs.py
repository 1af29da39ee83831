"""What the job table may run of this package; see `settings.JOBS`."""

from pathlib import Path

from archive.errors import UsageError
from archive.jobs import report_progress
from ingestion.services import find_deliveries, run_ingestion


def ingest(path: str) -> dict[str, object]:
    """Ingest a file, a delivery or a folder of deliveries as a job; return what the command writes as JSON.

    Raises
    ------
    UsageError
        If a delivery is refused; those before it are published.
    """
    deliveries = find_deliveries(Path(path))
    reports = []
    for number, delivery in enumerate(deliveries):
        report_progress(number / len(deliveries), f"ingesting {delivery.name}")
        report = run_ingestion(delivery)
        reports.append(report.as_json())
        if report.is_error:
            first = next((finding for finding in report.findings if finding.severity == "error"), report.findings[0])
            raise UsageError(f"{delivery.name} is refused, nothing of it was loaded: {first}")
    return {"reports": reports}
