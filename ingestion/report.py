"""The report of an ingestion as text: counts, findings, verdict."""

from collections import Counter
from collections.abc import Iterable

from archive.formats.findings import Finding
from ingestion.services import Report

_SHOWN_PER_RULE = {"error": 5, "warning": 2, "info": 0}
_VERDICTS = {
    "invalid": "Refused: nothing was loaded, the archive is unchanged.",
    "checked": "Checked: this could be loaded (dry run, the archive is unchanged).",
    "unchanged": "Nothing new: the archive holds all of this already.",
}


def describe_report(report: Report, *, verbose: bool = False) -> str:
    """Write a report as text; `verbose` lists every finding, else the first few of each rule."""
    parts = [_datasets(report), _tables(report), _findings(report.findings, verbose=verbose), _verdict(report)]
    return "\n\n".join(part for part in parts if part)


def _datasets(report: Report) -> str:
    if not report.datasets:
        return ""
    groups: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    refused = {finding.path for finding in report.findings if finding.severity == "error"}
    for dataset in report.datasets:
        brought = {
            **dataset.rows,
            **({"products": dataset.products} if dataset.products else {}),
            **({"sky maps": dataset.maps} if dataset.maps else {}),
        }
        shown = dataset.path if dataset.rows else f"({dataset.profile})"
        nothing = "nothing: refused" if dataset.path in refused else "part of a product"
        for what, count in (brought or {nothing: 1}).items():
            groups[shown, what] += count
            files[shown, what] += 1
    lines = [
        (f"{shown} x {files[shown, what]}" if shown.startswith("(") else shown, what, f"{count:,}")
        for (shown, what), count in groups.items()
    ]
    return _table(("file", "brings", "count"), lines)


def _tables(report: Report) -> str:
    lines = [
        (name, f"{counts.new:,}", f"{counts.changed:,}", f"{counts.unchanged:,}", f"{counts.kept_real:,}")
        for name, counts in report.tables.items()
    ]
    return _table(("table", "new", "changed", "unchanged", "real kept"), lines) if lines else ""


def _table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in (header, *lines)) for column in range(len(header))]
    rows = [header, tuple("-" * width for width in widths), *lines]
    return "\n".join(
        "  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _pad(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(",", "").isdigit() else cell.ljust(width)


def _findings(findings: Iterable[Finding], *, verbose: bool) -> str:
    lines: list[str] = []
    shown: Counter[tuple[str, str]] = Counter()
    for severity in ("error", "warning", "info"):
        for finding in findings:
            if finding.severity != severity:
                continue
            slot = (severity, finding.rule)
            shown[slot] += 1
            if verbose or shown[slot] <= _SHOWN_PER_RULE[severity]:
                lines.append(str(finding))
    hidden = [
        f"{rule} x {count}"
        for (severity, rule), count in shown.items()
        if not verbose and count > _SHOWN_PER_RULE[severity]
    ]
    if hidden:
        lines.append(f"In all: {', '.join(hidden)} (--verbosity 2 lists every one).")
    return "\n".join(lines)


def _verdict(report: Report) -> str:
    counts = Counter(finding.severity for finding in report.findings)
    found = f"{counts['error']} errors, {counts['warning']} warnings, {counts['info']} notes"
    summary = f"{found}; {len(report.aside)} files left aside; {report.seconds:.1f} s."
    simulated = " Simulated data." if report.simulated else ""
    verdict = _VERDICTS.get(
        report.state, f"Published as release {report.release} (delivery {report.delivery_id}).{simulated}"
    )
    return f"{summary}\n{verdict}"
