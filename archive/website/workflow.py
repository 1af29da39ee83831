"""How a product came to be: inputs, program, parameters, responses, delivery; as steps to read and as W3C PROV-JSON."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from astropy.io import fits
from django.utils.translation import gettext, ngettext

from archive.formats import FormatError, open_fits
from archive.identifiers import publisher_did
from archive.models import Observation, Product, ProductFile, ScienceWindow
from archive.selectors import current_rows
from archive.storage import file_path
from archive.website.oda_code import oda_code

MAX_INPUTS, MAX_CARDS, MAX_HISTORY = 500, 120, 200
MAX_NOTED_BYTES = 64_000_000

# Keywords of OSA and OGIP files that say how a file was made: who, with what, with which calibration.
_MAKER = re.compile(
    r"CREATOR|CONFIGUR|ORIGIN|DATE|ISDCLEVL|SWID|SWBOUND|REVOL|OSA\w*|\w*VERS(ION)?|PROCVER|IC_\w+|\w*CALIB\w*|TIMEREF|"
    r"RESPFILE|ANCRFILE|BACKFILE|CORRFILE|BACKAPP|DEADAPP|VIGNAPP|CHANTYPE|HDUVERS|E_MIN|E_MAX|EXPOSURE|BASETYPE|SIMULATE"
)


@dataclass(frozen=True, slots=True)
class Input:
    """What a product was made from: words, and the address of its page where the archive has it."""

    label: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One keyword of the science file."""

    hdu: str
    keyword: str
    value: str
    comment: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """The steps that lead to a product."""

    inputs: tuple[Input, ...]
    more_inputs: int
    software: str
    made_at: str
    parameters: tuple[tuple[str, str], ...]
    responses: tuple[ProductFile, ...]
    oda_code: str


def read_workflow(product: Product, files: Sequence[ProductFile], url: str) -> Workflow:
    """Collect what is known of the making of one product."""
    return read_workflows([product], {product.product_id: files}, url)[product.product_id]


def read_workflows(
    products: Sequence[Product], files: Mapping[str, Sequence[ProductFile]], url: str
) -> dict[str, Workflow]:
    """Collect what is known of the making of products in the words of the page, with two queries for all of them."""
    windows = {str(p.metadata.get("scw_id") or "") for p in products} - {""}
    windows |= {_window_in(name) for p in products for name in _named_inputs(p)} - {""}
    observations = {p.obs_id for p in products} - {""}
    held_windows = set(current_rows(ScienceWindow).filter(scw_id__in=windows).values_list("scw_id", flat=True))
    held = set(current_rows(Observation).filter(obs_id__in=observations).values_list("obs_id", flat=True))
    return {
        p.product_id: Workflow(
            tuple(_inputs(p, held, held_windows)),
            max(0, len(_named_inputs(p)) - MAX_INPUTS),
            p.software,
            p.created_at,
            tuple(_parameters(p)),
            tuple(f for f in files.get(p.product_id, ()) if f.role in {ProductFile.Role.ARF, ProductFile.Role.RMF}),
            oda_code(p.product_id, p.kind, p.instrument, url),
        )
        for p in products
    }


def _named_inputs(product: Product) -> list[str]:
    found = product.metadata.get("inputs")
    return [str(name) for name in found] if isinstance(found, list) else []


def _window_in(name: str) -> str:
    match = re.match(r"(?:swg\D*)?(\d{12})(?!\d)", name)
    return match[1] if match else ""


def _inputs(product: Product, observations: set[str], windows: set[str]) -> list[Input]:
    found = []
    if product.obs_id:
        link = f"/observations/{product.obs_id}" if product.obs_id in observations else ""
        found.append(Input(gettext("observation %(id)s") % {"id": product.obs_id}, link))
    if scw_id := str(product.metadata.get("scw_id") or ""):
        label = gettext("science window %(id)s") % {"id": scw_id}
        found.append(Input(label, f"/scw/{scw_id}" if scw_id in windows else ""))
    for name in _named_inputs(product)[:MAX_INPUTS]:
        scw_id = _window_in(name)
        found.append(Input(name, f"/scw/{scw_id}" if scw_id in windows else ""))
    return found


def _parameters(product: Product) -> list[tuple[str, str]]:
    """Return the choices that made the product what it is, with units."""
    facts = product.metadata
    rows: list[tuple[str, str]] = []
    bands = facts.get("bands_kev")
    if isinstance(bands, list) and bands and facts.get("quantity") != "magnitude":
        rows.append(
            (gettext("energy bands"), ", ".join(f"{float(low):.4g}–{float(high):.4g} keV" for low, high in bands[:12]))
        )
    elif (
        product.energy_min_kev is not None
        and product.energy_max_kev is not None
        and facts.get("quantity") != "magnitude"
    ):
        rows.append((gettext("energy band"), f"{product.energy_min_kev:.4g}–{product.energy_max_kev:.4g} keV"))
    if isinstance(step := facts.get("time_resolution_s"), int | float) and step > 0:
        rows.append((gettext("time bin"), f"{step:.6g} s"))
    if product.exposure_s is not None:
        rows.append((gettext("exposure"), f"{product.exposure_s:.6g} s"))
    places = {"LOCAL": gettext("the spacecraft"), "SOLARSYSTEM": gettext("the solar system's barycentre")}
    if place := places.get(str(facts.get("timeref"))):
        rows.append((gettext("times hold at"), place))
    if isinstance(planes := facts.get("planes"), list):
        no_unit = gettext("no unit")
        rows.append((gettext("planes"), ", ".join(f"{p['quantity']} ({p['unit'] or no_unit})" for p in planes)))
    if isinstance(shape := facts.get("shape_pixels"), list):
        rows.append((gettext("pixels"), " × ".join(map(str, shape))))
    for name, words in (("good_channels", gettext("good channels")), ("rate_unit", gettext("rate unit"))):
        if facts.get(name):
            rows.append((words, str(facts[name])))
    return rows


@dataclass(frozen=True, slots=True)
class FileNotes:
    """What the headers of a file say of its making, how much of it was left out, and what stood in the way."""

    cards: tuple[Card, ...] = ()
    history: tuple[str, ...] = ()
    more_cards: int = 0
    more_history: int = 0
    problem: str = ""
    too_large: bool = False

    @property
    def note(self) -> str:
        """What was left out, or why there is nothing, in the language of the page (notes are kept, words are not)."""
        if self.too_large:
            limit = MAX_NOTED_BYTES // 1_000_000
            return gettext("The headers of files above %(limit)d MB are not read for this page.") % {"limit": limit}
        if self.problem:
            return gettext("The headers of the file could not be read: %(problem)s") % {"problem": self.problem}
        cards = ngettext("%(count)d keyword", "%(count)d keywords", self.more_cards) % {"count": self.more_cards}
        history = ngettext("%(count)d line of history", "%(count)d lines of history", self.more_history) % {
            "count": self.more_history
        }
        if self.more_cards and self.more_history:
            both = {"keywords": cards, "lines": history}
            return gettext("%(keywords)s and %(lines)s more are in the file.") % both
        left = cards if self.more_cards else history if self.more_history else ""
        return gettext("%(what)s more are in the file.") % {"what": left} if left else ""


def read_notes(file: ProductFile) -> FileNotes:
    """Read the keywords of a stored FITS file that say how it was made, and its HISTORY."""
    if file.size_bytes > MAX_NOTED_BYTES:
        return FileNotes(too_large=True)
    return _read_notes(file.sha256)


@lru_cache(maxsize=256)
def _read_notes(sha256: str) -> FileNotes:
    try:
        with open_fits(file_path(sha256)) as file:
            headers = [(str(hdu.name or place), hdu.header) for place, hdu in enumerate(file.hdus)]
            return _notes_of(headers)
    except (FormatError, OSError) as error:
        return FileNotes(problem=str(error))


def _notes_of(headers: Sequence[tuple[str, fits.Header]]) -> FileNotes:
    cards: dict[tuple[str, str], Card] = {}
    history: list[str] = []
    for name, header in headers:
        for card in header.cards:
            value = str(card.value).strip()
            if card.keyword == "HISTORY":
                history.append(value)
            elif _MAKER.fullmatch(card.keyword) and value:
                cards.setdefault((card.keyword, value), Card(name, card.keyword, value, str(card.comment)))
    lines = tuple(dict.fromkeys(history))
    return FileNotes(
        tuple(cards.values())[:MAX_CARDS],
        lines[:MAX_HISTORY],
        max(0, len(cards) - MAX_CARDS),
        max(0, len(lines) - MAX_HISTORY),
    )


def provenance_document(
    product: Product, files: Sequence[ProductFile], workflow: Workflow, *, url: str, authority: str
) -> dict[str, object]:
    """Compose the provenance of a product as PROV-JSON; its words are those in which the workflow was read.

    References
    ----------
    Huynh et al. 2013, The PROV-JSON Serialization (W3C submission), sections 2 and 3; terms of the IVOA Provenance Data
    Model 1.0, section 2: entity, activity, agent, used, wasGeneratedBy, wasAttributedTo.
    """
    did = publisher_did(authority, "integral", product.product_id)
    entities: dict[str, object] = {
        "archive:product": {
            "prov:label": product.title,
            "archive:ivoid": did,
            "prov:location": f"{url}/products/{product.product_id}",
            "archive:simulated": product.simulated,
            "archive:release": product.release_from.name,
        }
    }
    used: dict[str, object] = {}
    for number, item in enumerate(workflow.inputs, 1):
        entities[f"archive:input{number}"] = {"prov:label": item.label} | (
            {"prov:location": f"{url}{item.link}"} if item.link else {}
        )
        used[f"_:u{number}"] = {"prov:activity": "archive:making", "prov:entity": f"archive:input{number}"}
    for number, file in enumerate(files, 1):
        entities[f"archive:file{number}"] = {
            "prov:label": file.file_name,
            "archive:role": file.role,
            "archive:sha256": file.sha256,
            "prov:location": f"{url}/products/{product.product_id}/files/{file.file_name}",
        }
    delivery = product.delivery
    return {
        "prefix": {"archive": f"{url}/products/{product.product_id}#"},
        "entity": entities,
        "activity": {
            "archive:making": {
                "prov:label": workflow.software or "not stated in the file",
                **({"prov:endTime": workflow.made_at} if workflow.made_at else {}),
                **{f"archive:{name.replace(' ', '_')}": value for name, value in workflow.parameters},
            }
        },
        "agent": {
            "archive:team": {"prov:label": delivery.team, "prov:type": "prov:Organization"},
        },
        "used": used,
        "wasGeneratedBy": {"_:g1": {"prov:entity": "archive:product", "prov:activity": "archive:making"}},
        "wasAttributedTo": {"_:a1": {"prov:entity": "archive:product", "prov:agent": "archive:team"}},
        "hadMember": {
            f"_:m{number}": {"prov:collection": "archive:product", "prov:entity": f"archive:file{number}"}
            for number in range(1, len(files) + 1)
        },
    }
