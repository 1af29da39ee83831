"""Between reading and planning: of each file what the plan needs is kept, and the rest of it let go of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archive.formats.findings import Finding
from ingestion.discover import DiscoveredFile
from ingestion.plan import DatasetCount
from ingestion.product_rows import PartFile
from ingestion.products import Assembler
from ingestion.read import ReadFile
from ingestion.rows import Row
from ingestion.validate import join_rows

_NO_ROWS: dict[str, int] = {}


@dataclass(slots=True)
class Gathered:
    """What a delivery's files gave together.

    `rows` are joined across files, `problems` what joining them found, `findings` what was found in single files.
    `said_simulated` holds the names of files by whether they say they are simulated; `parts` are the files that may
    belong to products, which `assembler` makes of them.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    said_simulated: dict[bool, list[str]] = field(default_factory=dict)
    datasets: list[DatasetCount] = field(default_factory=list)
    map_files: list[DiscoveredFile] = field(default_factory=list)
    parts: list[DiscoveredFile] = field(default_factory=list)
    assembler: Assembler = field(default_factory=Assembler)


def gather_files(files: Iterable[ReadFile]) -> Gathered:
    """Go through files as they are read, responses before the spectra that name them."""
    gathered = Gathered()
    gathered.rows, gathered.problems = join_rows(_noted(files, gathered))
    return gathered


def _noted(files: Iterable[ReadFile], gathered: Gathered) -> Iterator[ReadFile]:
    for read in files:
        file, products = read.file, 0
        gathered.findings += read.findings
        if read.rows or read.part is not None or read.map_ids:
            gathered.said_simulated.setdefault(read.simulated, []).append(file.name)
        if read.part is not None:
            gathered.parts.append(file)
            products = gathered.assembler.add(PartFile(file.name, file.sha256, file.size_bytes, read.part))
        if read.map_ids:
            gathered.map_files.append(file)
        profile = file.profile.name if file.profile else ""
        gathered.datasets.append(DatasetCount(file.name, profile, _count(read), products, len(read.map_ids)))
        yield read


def _count(read: ReadFile) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in read.rows:
        counts[row.TABLE] = counts.get(row.TABLE, 0) + 1
    return counts or _NO_ROWS
