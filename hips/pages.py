"""What the pages of the HiPS tell beside the viewer: facts in words, and code to copy."""

from __future__ import annotations

import dataclasses
import math

from hips.colour import OpenColour
from hips.moc import Coverage
from hips.services import OpenSurvey

_SKY_DEG2 = 41252.96125
# Colours and stretch of the viewer for each quantity; the range is that of the tiles (`hips.cuts.choose_cuts`).
_LOOKS = {
    "significance": ("inferno", "linear"),
    "flux": ("inferno", "asinh"),
    "exposure": ("viridis", "sqrt"),
    "sensitivity": ("viridis", "linear"),
}
# Below the 0 of the tiles, so that noise is not black like the sky that was not observed.
_SIGNIFICANCE_LOW = -2.0
# Why a map of this quantity is shown in this range.
_REASONS = {
    "significance": "the same for every significance map, so that they can be compared; 8 is beyond doubt",
    "flux": "from the median to what one pixel in a thousand exceeds",
    "sensitivity": "without the lowest 1 % and the highest 5 % of the pixels",
    "exposure": "from nothing to what 0.5 % of the pixels exceed",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """Some lines to copy."""

    title: str
    text: str


def first_look(opened: OpenSurvey | OpenColour) -> dict[str, object] | None:
    """How the viewer shows a map before anybody turns a knob; None for colours, which are what they are."""
    if isinstance(opened, OpenColour):
        return None
    colours, stretch = _LOOKS.get(opened.survey.quantity, ("inferno", "linear"))
    low, high = (float(f"{value:.3g}") for value in (opened.cuts.low, opened.cuts.high))
    if opened.survey.quantity == "significance":
        low = _SIGNIFICANCE_LOW
    return {"low": low, "high": high, "stretch": stretch, "colours": colours}


def tell_facts(opened: OpenSurvey | OpenColour) -> list[tuple[str, str]]:
    """Name and value of what a reader wants to know first."""
    coverage = opened.coverage
    facts = [("Observed sky", tell_area(coverage)), ("Coverage (MOC)", tell_cells(coverage))]
    if isinstance(opened, OpenColour):
        bands = ", ".join(
            f"{name} {member.band_name}"
            for name, member in zip(("red", "green", "blue"), opened.survey.members, strict=True)
        )
        return [*facts, ("Colours", f"significance in {bands}")]
    grid, unit = opened.grid, opened.survey.unit or "sigma"
    arcmin = 60 * math.degrees(math.sqrt(math.pi / 3)) / (grid.tile_width << grid.tile_order)
    summary = opened.summary
    tiles = f"tiles of {grid.tile_width} pixels in orders 0 to {grid.tile_order}"
    facts.append(("Pixels", f"{arcmin:.3g} arcmin (HEALPix order {opened.pixels.order}), {tiles}"))
    if summary.n_valid:
        facts.append(
            ("Values", f"{summary.minimum:.4g} to {summary.maximum:.4g} {unit}, median {summary.percentile(50):.4g}")
        )
    if look := first_look(opened):
        why = _REASONS.get(opened.survey.quantity, "")
        facts.append(("Shown at first", f"{look['low']:g} to {look['high']:g} {unit}, {look['stretch']}: {why}"))
    return facts


def tell_area(coverage: Coverage) -> str:
    """Size of a part of the sky in words."""
    return f"{100 * coverage.sky_fraction:.3g} % of the sky, {coverage.sky_fraction * _SKY_DEG2:,.0f} square degrees"


def tell_cells(coverage: Coverage) -> str:
    """Fineness and size of a MOC in words."""
    arcmin = 60 * math.degrees(math.sqrt(math.pi / 3)) / (1 << coverage.order)
    pixel = f"{arcmin / 60:.2g} degrees" if arcmin > 90 else f"{arcmin:.3g} arcmin"
    return f"exact to pixels of {pixel} (order {coverage.order}), {len(coverage.ranges):,} ranges"


def write_map_code(address: str, cutout: str) -> list[Code]:
    """Code that uses the HiPS at this address elsewhere; `cutout` is the address of a part of it, empty for colours."""
    aladin_lite = f"""\
<div id="sky" style="width: 100%; height: 30rem"></div>
<script type="module">
  import A from "./aladin.js"; // npm package aladin-lite 3
  await A.init;
  const options = {{survey: [], hipsList: [], log: false, fov: 120, cooFrame: "gal", projection: "AIT"}};
  const aladin = A.aladin("#sky", options);
  aladin.setBaseImageLayer(A.HiPS("{address}"{"" if cutout else ', {imgFormat: "png"}'}));
  aladin.addMOC(A.MOCFromURL("{address}/Moc.fits", {{color: "#7fd0ff", perimeter: true}}));
</script>"""
    python = f"""\
from astropy.io import fits
from mocpy import MOC

moc = MOC.from_fits("{address}/Moc.fits")
print(f"{{100 * moc.sky_fraction:.1f}} % of the sky")"""
    if cutout:
        python += f"""
image = fits.open("{cutout}")[0]  # with a WCS; NaN where nothing was observed
print(image.data.shape, image.header["BUNIT"] if "BUNIT" in image.header else "sigma")"""
    desktop = f'java -jar Aladin.jar script="load {address}"'
    return [Code("Python: astropy and mocpy", python), Code("Aladin Lite in a page", aladin_lite),
            Code("Aladin Desktop", desktop)]  # fmt: skip


def write_catalogue_code(address: str, tap: str, table: str) -> list[Code]:
    """Code that uses a catalogue elsewhere."""
    query = f"SELECT TOP 100 * FROM {table}"  # noqa: S608 - shown to the reader, not run; the table is one of ours
    lines = ("import pyvo", "", f'archive = pyvo.dal.TAPService("{tap}")',
             f'rows = archive.run_sync("{query}").to_table()', "print(rows)")  # fmt: skip
    pyvo = "\n".join(lines)
    coverage = f"""\
from mocpy import MOC

print(MOC.from_fits("{address}/Moc.fits").sky_fraction)  # of the tiles that hold a source"""
    aladin_lite = f'aladin.addCatalog(A.catalogHiPS("{address}", {{onClick: "showTable", color: "#ffd166"}}));'
    return [Code("Python: pyvo", pyvo), Code("Python: mocpy", coverage), Code("Aladin Lite in a page", aladin_lite)]
