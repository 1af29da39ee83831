"""What the pages of the HiPS tell beside the viewer: facts in words, and code to copy."""

from __future__ import annotations

import dataclasses
import math

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, gettext_noop, ngettext, pgettext

from hips.colour import ColourSurvey, OpenColour
from hips.moc import Coverage
from hips.services import OpenSurvey
from hips.surveys import Survey

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
    "significance": gettext_lazy(
        "the same for every significance map, so that they can be compared; 8 is beyond doubt"
    ),
    "flux": gettext_lazy("from the median to what one pixel in a thousand exceeds"),
    "sensitivity": gettext_lazy("without the lowest 1 % and the highest 5 % of the pixels"),
    # It says "% o", which is no format here: xgettext:no-python-format
    "exposure": gettext_lazy("from nothing to what 0.5 % of the pixels exceed"),
}
# Quantities in the list of maps; with their number of sigma in titles and beside the bar of colours.
QUANTITIES: dict[str, Promise] = {
    "flux": gettext_lazy("flux"),
    "significance": gettext_lazy("significance"),
    "exposure": gettext_lazy("exposure"),
    "sensitivity": gettext_lazy("sensitivity"),
}
FULL_QUANTITIES = QUANTITIES | {"sensitivity": gettext_lazy("5-sigma sensitivity")}
_COLOURS = (gettext_lazy("red"), gettext_lazy("green"), gettext_lazy("blue"))
# What `hips.catalogues.RANKINGS` say in English, in files too.
BRIGHTEST_BY = (
    gettext_noop("by the ISGRI rate in 20-60 keV"),
    gettext_noop("by the flux in 17-60 keV, or else in 20-40 keV"),
    gettext_noop("by the rate, then the flux, in 3-10 keV"),
    gettext_noop("by the flux in 15-300 keV"),
    gettext_noop("by the fluence in 20-200 keV"),
    gettext_noop("by the magnitude in V"),
)


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
    facts = [(gettext("Observed sky"), tell_area(coverage)), (gettext("Coverage (MOC)"), tell_cells(coverage))]
    if isinstance(opened, OpenColour):
        bands = ", ".join(
            f"{name} {member.band_name}" for name, member in zip(_COLOURS, opened.survey.members, strict=True)
        )
        return [*facts, (gettext("Colours"), gettext("significance in %(bands)s") % {"bands": bands})]
    grid, unit = opened.grid, opened.survey.unit or "sigma"
    arcmin = 60 * math.degrees(math.sqrt(math.pi / 3)) / (grid.tile_width << grid.tile_order)
    summary = opened.summary
    pixels = gettext(
        "%(arcmin)s arcmin (HEALPix order %(order)d), tiles of %(width)d pixels in orders 0 to %(tile_order)d"
    ) % {
        "arcmin": f"{arcmin:.3g}",
        "order": opened.pixels.order,
        "width": grid.tile_width,
        "tile_order": grid.tile_order,
    }
    facts.append((gettext("Pixels"), pixels))
    if summary.n_valid:
        values = gettext("%(low)s to %(high)s %(unit)s, median %(median)s") % {
            "low": f"{summary.minimum:.4g}",
            "high": f"{summary.maximum:.4g}",
            "unit": unit,
            "median": f"{summary.percentile(50):.4g}",
        }
        facts.append((gettext("Values"), values))
    if look := first_look(opened):
        shown = gettext("%(low)s to %(high)s %(unit)s, %(stretch)s: %(why)s") % {
            "low": f"{look['low']:g}",
            "high": f"{look['high']:g}",
            "unit": unit,
            "stretch": gettext("linear") if look["stretch"] == "linear" else look["stretch"],
            "why": _REASONS.get(opened.survey.quantity, ""),
        }
        facts.append((gettext("Shown at first"), shown))
    return facts


def tell_title(survey: Survey | ColourSurvey) -> str:
    """The title of a survey in the language of the page; files and services have the English one."""
    if isinstance(survey, ColourSurvey):
        bands = ", ".join(member.band_name.removesuffix(" keV") for member in survey.members)
        title = gettext("INTEGRAL %(instrument)s %(bands)s keV in colour") % {
            "instrument": survey.members[0].instrument_name,
            "bands": bands,
        }
    else:
        title = gettext("INTEGRAL %(instrument)s %(band)s %(quantity)s") % {
            "instrument": survey.instrument_name,
            "band": survey.band_name,
            "quantity": FULL_QUANTITIES[survey.quantity],
        }
    if epoch := tell_epoch(survey):
        title = f"{title}, {epoch}"
    return gettext("%(title)s (simulated)") % {"title": title} if survey.simulated else title


def tell_epoch(survey: Survey | ColourSurvey) -> str:
    """The epoch of a survey in the language of the page; empty for the mission."""
    one = survey.members[0] if isinstance(survey, ColourSurvey) else survey
    if one.epoch_kind == "revolution":
        return gettext("revolution %(number)s") % {"number": one.main.epoch[1:]}
    if one.epoch_kind == "span" and not one.main.epoch_name:
        first, last = one.epoch.split(" to ")
        return pgettext("two days", "%(first)s to %(last)s") % {"first": first, "last": last}
    return one.epoch


def tell_area(coverage: Coverage) -> str:
    """Size of a part of the sky in words."""
    return gettext("%(percent)s %% of the sky, %(area)s square degrees") % {
        "percent": f"{100 * coverage.sky_fraction:.3g}",
        "area": number_format(round(coverage.sky_fraction * _SKY_DEG2), force_grouping=True),
    }


def tell_cells(coverage: Coverage) -> str:
    """Fineness and size of a MOC in words."""
    arcmin = 60 * math.degrees(math.sqrt(math.pi / 3)) / (1 << coverage.order)
    pixel = gettext("%(size)s degrees") % {"size": f"{arcmin / 60:.2g}"} if arcmin > 90 else f"{arcmin:.3g} arcmin"
    count = len(coverage.ranges)
    return ngettext(
        "exact to pixels of %(pixel)s (order %(order)d), %(count)s range",
        "exact to pixels of %(pixel)s (order %(order)d), %(count)s ranges",
        count,
    ) % {"pixel": pixel, "order": coverage.order, "count": number_format(count, force_grouping=True)}


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
    return [Code(gettext("Python: astropy and mocpy"), python), Code(gettext("Aladin Lite in a page"), aladin_lite),
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
    return [
        Code(gettext("Python: pyvo"), pyvo),
        Code(gettext("Python: mocpy"), coverage),
        Code(gettext("Aladin Lite in a page"), aladin_lite),
    ]
