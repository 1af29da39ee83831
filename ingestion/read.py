"""Second step: read every file that has a profile; what cannot be read is a finding, never a traceback."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from archive.formats.findings import Finding, FormatError
from ingestion.content import MapPart, Part
from ingestion.discover import DiscoveredFile
from ingestion.rows import Row


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What one file gave; sky maps are named only, their arrays are read again when they are loaded."""

    file: DiscoveredFile
    rows: tuple[Row, ...]
    part: Part | None
    map_ids: tuple[str, ...]
    simulated: bool
    findings: tuple[Finding, ...]


def read_files(files: Iterable[DiscoveredFile], say: Callable[[str], None]) -> Iterator[ReadFile]:
    """Read files one after the other, as they are asked for: what a file holds may be large, and is not kept here.

    Parameters
    ----------
    files
        Files with a profile; a file with a structural error is not read, its findings are kept.
    say
        Called with the name of each file before it is read.
    """
    return (_read_one(file, say) for file in files)


def _read_one(file: DiscoveredFile, say: Callable[[str], None]) -> ReadFile:
    say(file.name)
    if file.profile is None or any(finding.severity == "error" for finding in file.findings):
        return ReadFile(file, (), None, (), simulated=False, findings=file.findings)
    try:
        content = file.profile.read(file.path)
    except FormatError as error:
        return ReadFile(file, (), None, (), simulated=False, findings=(error.finding.at(file.name),))
    except MemoryError:
        raise  # a budget is spent, which says nothing of the file: the sandbox reports it as what it is
    except Exception as error:  # noqa: BLE001 - the file is a stranger's: whatever it does to a reader is a finding
        # No check foresaw this. The deliverer gets a finding; the kind of failure helps to write the check.
        message = f"the file cannot be read as {file.profile.title}"
        unforeseen = Finding(
            "FILE-UNREADABLE",
            "error",
            message,
            path=file.name,
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:160]}",
        )
        return ReadFile(file, (), None, (), simulated=False, findings=(unforeseen,))
    findings = tuple(finding.at(file.name) for finding in content.findings)
    return ReadFile(
        file,
        tuple(content.rows),
        content.part,
        tuple(one.sky_map.map_id for one in content.maps),
        content.simulated,
        findings,
    )


def read_maps(file: DiscoveredFile) -> list[MapPart]:
    """Read the sky maps of a file again, arrays and all.

    Raises
    ------
    FormatError
        When the file has changed so that it cannot be read any more.
    """
    return file.profile.read(file.path).maps if file.profile is not None else []
