"""HiPS from other people's maps: HEALPix files and images become map arrays, and these are exported."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from archive.errors import NotFoundError, UsageError
from archive.skymaps import MANIFEST, MAX_ORDER, MapVersion, SkyMap, open_version, write_version
from hips.export import Exported, export_survey
from hips.healpix_files import read_healpix_file
from hips.image_files import ImageFile, read_image_file
from hips.resample import Sums
from hips.services import open_survey
from hips.surveys import find_surveys

MAPS = "maps"
# Side of a HEALPix pixel of order 0, degrees; pixels may be this much larger than those of the images.
_SIDE_DEG = math.degrees(math.sqrt(4 * math.pi / 12))
_COARSER = 1.25
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Wish:
    """What the person who builds says; None or '' where the files are to say it.

    Attributes
    ----------
    name : str
        First part of the names of the HiPS: a-z 0-9 . _ -
    quantity : str
        ``flux``, ``significance`` or ``exposure``: what a map shows that does not say so itself; of images that show
        several, ``significance`` takes that.
    average : bool
        Whether images without variance may be averaged where they overlap.
    keep_first : bool
        Whether nothing is added: where images overlap, the one named first is shown.
    """

    name: str
    quantity: str = ""
    order: int | None = None
    column: str | None = None
    instrument: str = ""
    energy_kev: tuple[float, float] | None = None
    span_mjd_tt: tuple[float, float] | None = None
    unit: str | None = None
    title: str = ""
    simulated: bool = False
    average: bool = False
    keep_first: bool = False

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Wish:
        """Take a wish from the arguments of a job, where pairs are lists."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**given)


def build_hips(files: Sequence[Path], directory: Path, wish: Wish, *, report: Report) -> dict[str, Exported]:
    """Make one HiPS for each quantity of the files below `directory`.

    Map arrays are kept under ``maps/`` in it and found again by the digests of the files and of the wish, so that a
    build which was interrupted carries on with the export.

    Raises
    ------
    UsageError
        If a file cannot be read whole, files contradict each other, or nobody says what the maps show.
    """
    if not files:
        raise UsageError("Name at least one FITS file to build a HiPS from.")
    if not _NAME.fullmatch(wish.name):
        raise UsageError(f"The name {wish.name[:60]!r} must be 1 to 40 of a-z 0-9 . _ -, first a letter or digit.")
    name = _version_name(files, wish)
    try:
        version = open_version(directory / MAPS, name)
        report(f"the maps are there already ({name})")
    except NotFoundError:
        _remove_leftovers(directory, name)
        version = write_version(directory / MAPS, name, make_maps(files, wish, report=report))
    return export_all(version, directory, report=report)


def make_part(files: Sequence[Path], directory: Path, wish: Wish, *, part: int, parts: int, report: Report) -> bool:
    """Resample the images into one part of the sky, and keep the sums; return whether it was not there yet.

    Parts are every `parts`-th block of the sky, so each host reads all the images and resamples its share of them; no
    part needs another.
    """
    name = _version_name(files, wish)
    path = _part_path(directory, name, part, parts)
    if path.exists() or _is_version(directory, name):
        return False
    if any(_is_healpix(name) for name in files):
        raise UsageError("HEALPix maps are not resampled, so there is nothing to divide: build without --jobs.")
    sums, facts = _sum_images(files, wish, report, chosen=lambda block: block % parts == part)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        np.savez(
            file,
            facts=np.array(json.dumps(dataclasses.asdict(facts))),
            cells=np.array(list(sums.blocks), dtype=np.int64),
            sums=np.array(list(sums.blocks.values())),
        )
    aside.rename(path)
    return True


def parts_ready(files: Sequence[Path], directory: Path, wish: Wish, *, parts: int) -> bool:
    """Whether every part of a divided build is there, or has been joined to the maps already."""
    name = _version_name(files, wish)
    made = all(_part_path(directory, name, part, parts).exists() for part in range(parts))
    return made or _is_version(directory, name)


def finish_parts(
    files: Sequence[Path], directory: Path, wish: Wish, *, parts: int, report: Report
) -> dict[str, Exported]:
    """Join the parts to maps, remove them and export the maps; nothing is done twice.

    Two hosts may come here at the same time: one writes the maps, the other finds them.

    Raises
    ------
    UsageError
        If images overlap that have no variance, and the wish does not allow a plain mean.
    """
    name = _version_name(files, wish)
    if not _is_version(directory, name):
        try:
            write_version(directory / MAPS, name, _join_parts(files, directory, wish, parts))
        except (UsageError, OSError):
            if not _is_version(directory, name):
                raise
    version = open_version(directory / MAPS, name)
    _remove_leftovers(directory, name)
    return export_all(version, directory, report=report)


def _is_version(directory: Path, name: str) -> bool:
    return (directory / MAPS / name / MANIFEST).is_file()


def _remove_leftovers(directory: Path, name: str) -> None:
    """Remove the parts of maps that are whole, and what a killed build has left."""
    for left in (directory / MAPS).glob(f".{name}.*"):
        with suppress(FileNotFoundError):  # another host removes the same
            shutil.rmtree(left)


def _join_parts(
    files: Sequence[Path], directory: Path, wish: Wish, parts: int
) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    sums: Sums | None = None
    facts: Summed | None = None
    name = _version_name(files, wish)
    for part in range(parts):
        with np.load(_part_path(directory, name, part, parts), allow_pickle=False) as stored:
            own = Summed.from_json(json.loads(str(stored["facts"])))
            if sums is None or facts is None:
                sums, facts = Sums(own.order), own
            sums.blocks |= dict(zip(stored["cells"].tolist(), stored["sums"], strict=True))
    if sums is None or facts is None:
        raise UsageError("A divided build has at least one part.")
    if not sums.blocks:
        raise UsageError("The images cover no pixel: choose a higher order.")
    yield from _maps_of_sums(files, wish, sums, facts)


def _part_path(directory: Path, name: str, part: int, parts: int) -> Path:
    return directory / MAPS / f".{name}.parts" / f"{part + 1}-of-{parts}.npz"


def export_all(version: MapVersion, directory: Path, *, report: Report) -> dict[str, Exported]:
    """Export every HiPS of a version, each to a directory of its name."""
    done = {}
    for survey in find_surveys(version):
        done[survey.survey_id] = export_survey(open_survey(version, survey.survey_id), directory / survey.survey_id)
        report(f"{survey.survey_id}: {done[survey.survey_id].written} files written")
    return done


def make_maps(files: Sequence[Path], wish: Wish, *, report: Report) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    """Maps of the files, one at a time, with their description."""
    tables = [path for path in files if _is_healpix(path)]
    if tables and len(files) > 1:
        raise UsageError(
            f"{tables[0].name} is a HEALPix map: build it alone, because maps of the whole sky are not added here."
        )
    if tables:
        found = read_healpix_file(tables[0], column=wish.column)
        if wish.order not in {None, found.order}:
            raise UsageError(f"{tables[0].name} has order {found.order}; HEALPix maps keep their own order.")
        unit = found.unit if wish.unit is None else wish.unit
        facts = _describe(wish, wish.quantity or "flux", found.order, None, tables[0].name)
        yield facts(wish.quantity or "flux", unit), found.values
        return
    yield from _add_images(files, wish, report)


@dataclasses.dataclass(frozen=True)
class Summed:
    """What the images say together, apart from their pixels."""

    order: int
    energy_kev: tuple[float, float] | None
    instrument: str
    quantity: str
    unit: str
    span_mjd_tt: tuple[float, float] | None
    simulated: bool
    has_variance: bool
    has_exposure: bool

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Summed:
        """Take it from what a part has stored, where pairs are lists."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**given)


def _add_images(files: Sequence[Path], wish: Wish, report: Report) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    sums, facts = _sum_images(files, wish, report)
    yield from _maps_of_sums(files, wish, sums, facts)


def _sum_images(
    files: Sequence[Path], wish: Wish, report: Report, *, chosen: Callable[[int], bool] | None = None
) -> tuple[Sums, Summed]:
    """Add the images, or what of them falls into the chosen blocks of the sky."""
    read = partial(read_image_file, energy_kev=wish.energy_kev, quantity=wish.quantity)
    first = read(files[0])
    order = wish.order if wish.order is not None else order_of_scale(first.image.scale_deg)
    sums = Sums(order, chosen, keep_first=wish.keep_first)
    spans, simulated = [], wish.simulated
    for number, path in enumerate(files, start=1):
        image = first if number == 1 else read(path)
        _check_alike(first, image, wish)
        count = sums.add(image.image)
        if image.image.variance is None and sums.overlaps and not wish.average:
            raise UsageError(
                f"{path.name} overlaps another image and has no variance: give --average for a plain mean, "
                "--keep-first for one above the other, or use files with a VARIANCE plane."
            )
        if image.span_mjd_tt is not None:
            spans.append(image.span_mjd_tt)
        simulated |= image.simulated
        report(f"{number} of {len(files)}: {path.name}, {count} pixels of order {order}")
    span = (min(start for start, _ in spans), max(stop for _, stop in spans)) if len(spans) == len(files) else None
    return sums, Summed(
        order, wish.energy_kev or first.energy_kev, wish.instrument or first.instrument or "",
        wish.quantity or first.quantity, first.unit if wish.unit is None else wish.unit, span, simulated,
        first.image.variance is not None, first.image.exposure is not None,
    )  # fmt: skip


def _maps_of_sums(
    files: Sequence[Path], wish: Wish, sums: Sums, facts: Summed
) -> Iterator[tuple[SkyMap, NDArray[np.float32]]]:
    named = dataclasses.replace(
        wish, simulated=facts.simulated, energy_kev=facts.energy_kev, instrument=facts.instrument
    )
    source = files[0].name if len(files) == 1 else f"{len(files)} images from {files[0].name} to {files[-1].name}"
    describe = _describe(named, facts.quantity, facts.order, facts.span_mjd_tt, source)
    yield describe(facts.quantity, facts.unit), sums.flux()
    if facts.has_variance and facts.quantity == "flux":
        yield describe("variance", f"({facts.unit})**2" if facts.unit else ""), sums.variance()
    if facts.has_exposure:
        yield describe("exposure", "s"), sums.exposure()


def order_of_scale(scale_deg: float) -> int:
    """HEALPix order for an image: the coarsest whose pixels are at most a quarter larger than the image's.

    Examples
    --------
    >>> order_of_scale(4.94 / 60), order_of_scale(1.56 / 60)
    (10, 11)
    """
    return min(MAX_ORDER, max(3, math.ceil(math.log2(_SIDE_DEG / (_COARSER * scale_deg)))))


def _check_alike(first: ImageFile, other: ImageFile, wish: Wish) -> None:
    """Refuse to add what is not of one kind."""
    for what, option, one, two in (
        ("the unit", "--unit", first.unit, other.unit),
        ("the energy band", "--energy", first.energy_kev, other.energy_kev),
        ("the instrument", "--instrument", first.instrument, other.instrument),
        ("the quantity", "--quantity", first.quantity, other.quantity),
    ):
        told = {"--unit": wish.unit is not None, "--energy": wish.energy_kev is not None,
                "--instrument": bool(wish.instrument), "--quantity": bool(wish.quantity)}[option]  # fmt: skip
        if one != two and not told:
            raise UsageError(
                f"{other.image.name} has {what} {two!r} and {first.image.name} {one!r}: build them apart, or "
                f"give {option}."
            )
    for kind in ("variance", "exposure"):
        if (getattr(first.image, kind) is None) != (getattr(other.image, kind) is None):
            raise UsageError(f"Of {first.image.name} and {other.image.name} only one has a plane of {kind}.")


def _describe(
    wish: Wish, quantity: str, order: int, span: tuple[float, float] | None, source: str
) -> Callable[[str, str], SkyMap]:
    """Description of the maps of a build, by quantity and unit."""
    energy, times = wish.energy_kev, wish.span_mjd_tt or span
    if not wish.instrument or energy is None or times is None:
        missing = [
            option
            for option, there in (
                ("--instrument NAME", wish.instrument),
                ("--energy LOW HIGH (keV)", energy),
                ("--time START STOP (MJD, TT)", times),
            )
            if not there
        ]
        raise UsageError(f"{source} does not say all that a HiPS has to state: give {', '.join(missing)}.")
    low, high = energy
    if not (0 < low < high and times[0] <= times[1]):
        raise UsageError(f"The band {low:g}-{high:g} keV or the time {times[0]:g}-{times[1]:g} (MJD) is no range.")
    if quantity not in {"flux", "significance", "exposure"}:
        raise UsageError(f"quantity is {quantity!r}; expected flux, significance or exposure.")

    def describe(kind: str, unit: str) -> SkyMap:
        return SkyMap(
            map_id=f"{wish.name}-{kind}", instrument=wish.instrument, band=f"{low:g}_{high:g}", energy_min_kev=low,
            energy_max_kev=high, quantity=kind, order=order, unit=unit, tstart_mjd_tt=times[0], tstop_mjd_tt=times[1],
            simulated=wish.simulated, title=wish.title or f"Built from {source}",
        )  # fmt: skip

    return describe


def _is_healpix(path: Path) -> bool:
    try:
        content = path.read_bytes()
        if content.startswith(b"SIMPLE") and b"PIXTYPE" not in content:
            return False  # an image: to open it takes much longer than this
        with fits.open(path, memmap=False) as file:
            tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU)]
            return any(str(table.header.get("PIXTYPE", "")).upper() == "HEALPIX" for table in tables)
    except (OSError, ValueError, TypeError, fits.VerifyError) as error:
        raise UsageError(f"{path} is not a readable FITS file.") from error


def _version_name(files: Sequence[Path], wish: Wish) -> str:
    """Name of the maps: the wish's, and a short digest of all that they are made from."""
    total = hashlib.sha256(json.dumps(dataclasses.asdict(wish), sort_keys=True).encode())
    for path in files:
        try:
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return f"{wish.name}-{total.hexdigest()[:12]}"
