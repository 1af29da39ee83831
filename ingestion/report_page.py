"""The validator's report as text and as one HTML page that needs nothing beside it."""

from collections.abc import Mapping
from html import escape

from archive.formats.findings import Finding
from ingestion.rules import SEVERITIES
from ingestion.validator import CodeCount, DeliveryReport

RULES_PAGE = "docs/reference/rules.md"
_SIZE_STEP = 1000


def describe_delivery(report: DeliveryReport) -> str:
    """Write the report as text: verdict first, the files that are wrong, then each rule with its first places."""
    counts = ", ".join(f"{report.count(severity)} {_plural(severity)}" for severity in SEVERITIES)
    lines = [
        f"{report.verdict.upper()}: {report.delivery_id or 'no label'} {report.title}".rstrip(),
        f"{len(report.files)} files, {describe_size(report.size_bytes)}; {counts}.",
        _what_next(report),
    ]
    lines += [f"  {file.path}: {', '.join(file.rules)}" for file in report.files if file.rules]
    lines += [f"  {table}: {count:,} rows" for table, count in report.rows.items() if report.is_valid]
    lines += [f"Completeness: {report.completeness}"] if report.completeness else []
    lines += [f"Waived: {waiver_words(waiver)}" for waiver in report.waivers]
    for code in report.codes:
        lines.append("")
        lines.append(f"{code.severity.upper()} {code.rule} x {code.count}")
        lines += [f"  {_place_and_message(finding)}" for finding in code.examples]
        rest = code.count - sum(finding.count for finding in code.examples)
        lines += [f"  and {rest} more"] if rest > 0 else []
        lines += [f"  What to do: {code.remedy}"] if code.remedy else []
    lines += ["", f"What each rule means: {RULES_PAGE}", f"Content {report.digest_sha256}"]
    lines.append(f"{report.validator}, rules {report.rules_sha256}")
    return "\n".join(lines)


def _what_next(report: DeliveryReport) -> str:
    """Say in one sentence what the verdict asks of the team."""
    broken = sum(code.severity == "error" for code in report.codes)
    if not broken:
        return "Nothing forbids publishing; the archive decides the rest with you on the page of the delivery."
    files = sum(bool(file.rules) for file in report.files)
    where = f" in {_some(files, 'file')}" if files else ""
    return (
        f"{_some(broken, 'rule')} broken{where}: correct what is called an error and validate again; nothing is lost."
    )


def _some(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def waiver_words(waiver: Mapping[str, str]) -> str:
    """Say what is waived, where, until when, by whom and why."""
    return f"{waiver['rule']} in {waiver['files']} until {waiver['expires']} by {waiver['by']}: {waiver['reason']}"


def _plural(severity: str) -> str:
    return {"error": "errors", "warning": "warnings", "info": "notes"}[severity]


def _place_and_message(finding: Finding) -> str:
    words = [f"{finding.place}: " if finding.place else "", _sentence(finding.message)]
    words += [f" Found: {finding.found}."] if finding.found else []
    words += [f" Expected: {finding.expected}."] if finding.expected else []
    return "".join(words)


def _sentence(message: str) -> str:
    return message if message.endswith(("?", ".")) else f"{message}."


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
:root{color-scheme:light dark;--ink:#17242c;--soft:#54646d;--paper:#f5f4ee;--card:#fff;--line:#cfd3cc;
--error:#a8261c;--warning:#8a5a00;--info:#2a5d7c}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9e6;--soft:#9fb0b8;--paper:#0a1319;--card:#111d25;--line:#2b3b45;
--error:#ff8d7e;--warning:#f0b95a;--info:#8cc7ea}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:72rem;margin:0 auto;padding:1.5rem;overflow-wrap:anywhere}
h1{margin:0 0 .2rem}h2{margin:2.2rem 0 .6rem;font-size:1.25rem}h3{margin:0;font-size:1.02rem}p{margin:.3rem 0}
.lede{font-size:1.08rem}.soft{color:var(--soft)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.5rem 0}
th{color:var(--soft);font-weight:500}th,td{text-align:left;padding:.3rem .7rem .3rem 0;
border-bottom:1px solid var(--line);vertical-align:top}td{min-width:5rem}
.kind{overflow-wrap:normal}.num{text-align:right}code{font-size:.9em}
.error{color:var(--error)}.warning{color:var(--warning)}.info{color:var(--info)}a{color:inherit}
.rule{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--mark);border-radius:6px;
padding:.8rem 1rem;margin:.8rem 0}.rule.error{--mark:var(--error)}.rule.warning{--mark:var(--warning)}
.rule.info{--mark:var(--info)}.rule>*{color:var(--ink)}.todo{font-weight:600}
"""
_HEADINGS = {
    "error": "Errors: to be corrected before anything is published",
    "warning": "Warnings: taken as it is, but have a look",
    "info": "Notes: what was decided or could not be known",
}


def render_delivery(report: DeliveryReport) -> str:
    """Write the report as an HTML page; everything that came from outside is escaped."""
    counts = ", ".join(f"{report.count(severity)} {_plural(severity)}" for severity in SEVERITIES)
    verdict_class = "info" if report.is_valid else "error"
    title = escape(report.delivery_id or "delivery without label")
    simulated = " · simulated" if report.simulated else ""
    sections = "".join(
        f'<h2 class="{severity}">{_HEADINGS[severity]}</h2>{"".join(map(_render_code, codes))}'
        for severity in SEVERITIES
        if (codes := [code for code in report.codes if code.severity == severity])
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report on {title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}: <span class="{verdict_class}">{report.verdict}</span></h1>'
        f"<p>{escape(report.title)}{simulated}</p>"
        f'<p class="lede">{escape(_what_next(report))}</p>'
        f'<p class="soft">{len(report.files)} files, {describe_size(report.size_bytes)}; {counts}.</p>'
        f"{_render_declared(report)}{_render_files(report)}{sections}"
        f'<p class="soft">What each rule means: <code>{RULES_PAGE}</code><br>Content '
        f"<code>{report.digest_sha256}</code><br>{escape(report.validator)}, rules "
        f"<code>{report.rules_sha256}</code></p></body></html>\n"
    )


def _render_files(report: DeliveryReport) -> str:
    """Write the table of files, the wrong ones first, each with links to the rules it breaks."""
    lines = "".join(
        f"<tr><td><code>{escape(file.path)}</code></td><td class='kind'>{escape(file.profile or 'unknown')}</td>"
        f'<td class="num">{describe_size(file.size_bytes)}</td>'
        f'<td class="{"error" if file.rules else ""}">{file.verdict}</td>'
        f"<td>{', '.join(_rule_link(rule) for rule in file.rules)}</td></tr>"
        for file in sorted(report.files, key=lambda file: (not file.rules, file.path))
    )
    return (
        '<h2>Files</h2><div class="scroll"><table><thead><tr><th>File</th><th>Kind</th><th class="num">Size</th>'
        f"<th>Verdict</th><th>Rules broken</th></tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _rule_link(rule: str) -> str:
    return f'<a href="#{escape(rule)}"><code>{escape(rule)}</code></a>'


def _render_declared(report: DeliveryReport) -> str:
    completeness = f"<p>Completeness: {escape(report.completeness)}</p>" if report.completeness else ""
    waivers = "".join(f"<li>{escape(waiver_words(waiver))}</li>" for waiver in report.waivers)
    return completeness + (f"<h2>Waivers</h2><ul>{waivers}</ul>" if waivers else "")


def _render_code(code: CodeCount) -> str:
    """Write a rule as a card: what is wrong, what to do, and a table of places with found and expected."""
    said = dict.fromkeys(finding.message for finding in code.examples)
    heading = escape(" / ".join(map(_sentence, said)))
    rest = code.count - sum(finding.count for finding in code.examples)
    more = f'<p class="soft">and {rest} more</p>' if rest > 0 else ""
    table = _render_places(code)
    remedy = f'<p class="todo">What to do: {escape(code.remedy)}</p>' if code.remedy else ""
    return (
        f'<section class="rule {code.severity}" id="{escape(code.rule)}"><h3>{heading[:1].upper()}{heading[1:]}</h3>'
        f'<p class="soft"><code>{escape(code.rule)}</code> × {code.count}</p>{table}{more}{remedy}</section>'
    )


def _render_places(code: CodeCount) -> str:
    """Write the first places of a rule as a table without the columns that would be empty."""
    cells = [
        (finding.path, _place_in_file(finding), finding.found, finding.expected)
        for finding in code.examples
        if finding.place or finding.found or finding.expected
    ]
    shown = [at for at in range(4) if any(line[at] for line in cells)]
    if not shown:
        return ""
    head = "".join(f"<th>{('File', 'Where', 'Found', 'Expected')[at]}</th>" for at in shown)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(line[at])}</td>' for at in shown)}</tr>" for line in cells)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _place_in_file(finding: Finding) -> str:
    parts = [
        f"HDU {finding.hdu}" if finding.hdu else "",
        f"row {finding.row}" if finding.row is not None else "",
        finding.column,
    ]
    return ", ".join(part for part in parts if part)
