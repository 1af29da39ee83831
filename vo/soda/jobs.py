"""Makes the cut-outs of a job into a file; this is what a worker executes for the kind of job ``soda``."""

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from archive.bundles import CHUNK_BYTES
from archive.errors import TooLargeError
from archive.jobs import current_job, report_progress
from archive.storage import file_path
from vo.soda.params import Cut, read_cuts, read_format
from vo.soda.services import Document, WholeFile, make_cutout
from vo.tap.limits import result_room
from vo.tap.params import merge_parameters
from vo.uws.services import RESULT_NAME, job_directory

_LIST = "cutouts.txt"


def run_soda(parameters: list[list[str]]) -> dict[str, object]:
    """Make the cut-outs that the current job asks for: one as it is, several as a tar with a list of them.

    Parameters
    ----------
    parameters
        Pairs of name and value, as the client gave them; ID, the shapes, BAND and TIME may be repeated.

    Returns
    -------
    dict
        The file's `name` for downloads, its `media_type`, `size_bytes` and `sha256`, and as `rows` how many cut-outs it
        has; empty where nothing is left of any product.

    Raises
    ------
    ArchiveError
        If the request is wrong or fails; nothing is left of the result then.
    """
    job = current_job()
    if job is None:
        msg = "run_soda makes the cut-outs of a job and there is none"
        raise RuntimeError(msg)
    given = merge_parameters((name, value) for name, value in parameters)
    cuts, form = read_cuts(given), read_format(given)
    directory = job_directory(job.job_id)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = directory / f"{RESULT_NAME}.part"
    try:
        room = result_room(job.owner)
        made = _write_one(part, *cuts[0], form, room) if len(cuts) == 1 else _write_tar(part, cuts, form, room)
        if made is None:
            return {}
        size, digest = part.stat().st_size, _digest(part)
        part.replace(directory / RESULT_NAME)
    finally:
        part.unlink(missing_ok=True)
    name, media_type, count = made
    return {"name": name, "media_type": media_type, "size_bytes": size, "sha256": digest, "rows": count}


def _write_one(path: Path, identifier: str, cut: Cut, form: str, room: int) -> tuple[str, str, int] | None:
    made = make_cutout(identifier, cut, form)
    if made is None:
        return None
    size = 0
    with path.open("wb") as file:
        for chunk in _chunks(made):
            size = _grown(size, len(chunk), room)
            file.write(chunk)
    return _name_of(made), _media_type_of(made), 1


def _write_tar(path: Path, cuts: Sequence[tuple[str, Cut]], form: str, room: int) -> tuple[str, str, int] | None:
    """Write all cut-outs, numbered in the order of the request, after which the list says what each of them is."""
    lines: list[str] = []
    count = size = 0
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number, (identifier, cut) in enumerate(cuts, start=1):
            made = make_cutout(identifier, cut, form)
            name = f"{number:04d}_{_name_of(made)}" if made is not None else "-"
            lines.append(f"{name}\t{identifier}\t{cut}\n")
            report_progress(0.99 * number / len(cuts), f"{number} of {len(cuts)} cut-outs made")
            if made is None:
                continue
            if isinstance(made, WholeFile):
                size = _grown(size, made.file.size_bytes, room)
                tar.add(file_path(made.file.sha256), name, filter=_anonymous)
            else:
                content = b"".join(_chunks(made))
                size = _grown(size, len(content), room)
                _add(tar, name, content)
            count += 1
        _add(tar, _LIST, "".join(("# member (- where nothing is left), ID, cut\n", *lines)).encode())
    return ("cutouts.tar", "application/x-tar", count) if count else None


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose file it is in the store."""
    plain = tarfile.TarInfo(info.name)
    plain.size = info.size
    return plain


def _chunks(made: Document | WholeFile) -> Iterator[bytes]:
    if isinstance(made, WholeFile):
        with file_path(made.file.sha256).open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")
    elif isinstance(made.content, bytes):
        yield made.content
    else:
        yield from made.content


def _name_of(made: Document | WholeFile) -> str:
    return made.file.file_name if isinstance(made, WholeFile) else made.file_name


def _media_type_of(made: Document | WholeFile) -> str:
    return made.file.media_type if isinstance(made, WholeFile) else made.media_type


def _grown(size: int, more: int, room: int) -> int:
    if size + more > room:
        msg = f"the cut-outs are larger than {room / 2**30:.1f} GiB, the room that is left for your jobs"
        raise TooLargeError(msg)
    return size + more


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
