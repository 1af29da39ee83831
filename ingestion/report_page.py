"""The validator's report as text and as one HTML page that needs nothing beside it."""

from collections.abc import Mapping
from html import escape

from archive.formats.findings import Finding
from ingestion.rules import SEVERITIES
from ingestion.validator import CodeCount, DeliveryReport

_SIZE_STEP = 1000


def describe_delivery(report: DeliveryReport) -> str:
    """Write the report as text: verdict first, then each rule with its count and first places."""
    counts = ", ".join(f"{report.count(severity)} {_plural(severity)}" for severity in SEVERITIES)
    lines = [
        f"{report.verdict.upper()}: {report.delivery_id or 'no label'} {report.title}".rstrip(),
        f"{len(report.files)} files, {describe_size(report.size_bytes)}; {counts}.",
    ]
    lines += [f"  {table}: {count:,} rows" for table, count in report.rows.items()]
    lines += [f"Completeness: {report.completeness}"] if report.completeness else []
    lines += [f"Waived: {waiver_words(waiver)}" for waiver in report.waivers]
    for code in report.codes:
        lines.append("")
        lines.append(f"{code.severity.upper()} {code.rule} x {code.count}")
        lines += [f"  {_place_and_message(finding)}" for finding in code.examples]
        rest = code.count - sum(finding.count for finding in code.examples)
        lines += [f"  and {rest} more"] if rest > 0 else []
        lines += [f"  What to do: {code.remedy}"] if code.remedy else []
    lines += ["", f"Content {report.digest_sha256}", f"{report.validator}, rules {report.rules_sha256}"]
    return "\n".join(lines)


def waiver_words(waiver: Mapping[str, str]) -> str:
    """Say what is waived, where, until when, by whom and why."""
    return f"{waiver['rule']} in {waiver['files']} until {waiver['expires']} by {waiver['by']}: {waiver['reason']}"


def _plural(severity: str) -> str:
    return {"error": "errors", "warning": "warnings", "info": "notes"}[severity]


def _place_and_message(finding: Finding) -> str:
    words = [f"{finding.place}: " if finding.place else "", finding.message.rstrip("."), "."]
    words += [f" Found: {finding.found}."] if finding.found else []
    words += [f" Expected: {finding.expected}."] if finding.expected else []
    return "".join(words)


def describe_size(size_bytes: float) -> str:
    """Write a size with its unit.

    Examples
    --------
    >>> describe_size(1_234_567)
    '1.23 MB'
    """
    for unit in ("byte", "kB", "MB", "GB"):
        if size_bytes < _SIZE_STEP:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= _SIZE_STEP
    return f"{size_bytes:.3g} TB"


_STYLE = """
:root{color-scheme:light dark;--ink:#17242c;--paper:#f5f4ee;--line:#cfd3cc;
--error:#a8261c;--warning:#8a5a00;--info:#2a5d7c}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9e6;--paper:#0a1319;--line:#2b3b45;
--error:#ff8d7e;--warning:#f0b95a;--info:#8cc7ea}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:72rem;margin:0 auto;padding:1.5rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.3rem .7rem .3rem 0;
border-bottom:1px solid var(--line);vertical-align:top}.num{text-align:right}code{font-size:.9em;overflow-wrap:anywhere}
.error{color:var(--error)}.warning{color:var(--warning)}.info{color:var(--info)}.scroll{overflow-x:auto}
"""


def render_delivery(report: DeliveryReport) -> str:
    """Write the report as an HTML page; everything that came from outside is escaped."""
    counts = ", ".join(f"{report.count(severity)} {_plural(severity)}" for severity in SEVERITIES)
    verdict_class = "info" if report.is_valid else "error"
    title = escape(report.delivery_id or "delivery without label")
    simulated = " · simulated" if report.simulated else ""
    files = "".join(
        f"<tr><td><code>{escape(file.path)}</code></td><td>{escape(file.profile or 'unknown')}</td>"
        f'<td class="num">{describe_size(file.size_bytes)}</td>'
        f'<td class="{"error" if file.verdict == "invalid" else ""}">{file.verdict}</td></tr>'
        for file in report.files
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report on {title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}: <span class="{verdict_class}">{report.verdict}</span></h1>'
        f"<p>{escape(report.title)}{simulated}<br>{len(report.files)} files, {describe_size(report.size_bytes)}; "
        f"{counts}.</p>{_render_declared(report)}{''.join(map(_render_code, report.codes))}"
        f'<h2>Files</h2><div class="scroll"><table><thead><tr><th>File</th><th>Kind</th><th class="num">Size</th>'
        f"<th>Verdict</th></tr></thead><tbody>{files}</tbody></table></div>"
        f"<p>Content <code>{report.digest_sha256}</code><br>{escape(report.validator)}, rules "
        f"<code>{report.rules_sha256}</code></p></body></html>\n"
    )


def _render_declared(report: DeliveryReport) -> str:
    completeness = f"<p>Completeness: {escape(report.completeness)}</p>" if report.completeness else ""
    waivers = "".join(f"<li>{escape(waiver_words(waiver))}</li>" for waiver in report.waivers)
    return completeness + (f"<h2>Waivers</h2><ul>{waivers}</ul>" if waivers else "")


def _render_code(code: CodeCount) -> str:
    rest = code.count - sum(finding.count for finding in code.examples)
    examples = "".join(f"<li>{escape(_place_and_message(finding))}</li>" for finding in code.examples)
    more = f"<li>and {rest} more</li>" if rest > 0 else ""
    remedy = f"<p>What to do: {escape(code.remedy)}</p>" if code.remedy else ""
    return (
        f'<h2 id="{escape(code.rule)}"><span class="{code.severity}">{code.severity}</span> '
        f"<code>{escape(code.rule)}</code> × {code.count}</h2><ul>{examples}{more}</ul>{remedy}"
    )
