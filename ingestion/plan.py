"""Everything that one publication will do, worked out before the database is touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from archive.formats.findings import Finding
from ingestion.discover import DiscoveredFile
from ingestion.label import Label
from ingestion.matching import Match
from ingestion.rows import Row


@dataclass(frozen=True, slots=True)
class DatasetCount:
    """What one file brought, as the counts table shows it."""

    path: str
    profile: str
    rows: dict[str, int]
    products: int
    maps: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked delivery, ready to be loaded when `findings` hold no error.

    `rows` are grouped by table; `product_files` are the files to store; `map_files` those with sky maps, `files`
    all files, `payload_sha256` their identity, `label` what the team says of them (None for a loose folder),
    `matches` the first rows and products that neither id nor name links to a source, `more_matches` how many more there
    are.
    """

    delivery_id: str
    title: str
    team: str
    licence: str
    description: str
    digest_sha256: str
    simulated: bool
    rows: dict[str, Sequence[Row]]
    product_files: tuple[DiscoveredFile, ...]
    map_files: tuple[DiscoveredFile, ...]
    datasets: tuple[DatasetCount, ...]
    aside: tuple[str, ...]
    findings: tuple[Finding, ...]
    label: Label | None = None
    files: tuple[DiscoveredFile, ...] = ()
    payload_sha256: str = ""
    matches: tuple[Match, ...] = ()
    more_matches: int = 0

    @property
    def is_valid(self) -> bool:
        """Whether nothing forbids loading."""
        return not any(finding.severity == "error" for finding in self.findings)
