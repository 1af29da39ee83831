"""What belongs to a product: its files by their role, all of them as one tar, its page (DataLink 1.1)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db.models import Max

from archive.api.points import SERIES_KINDS
from archive.identifiers import publisher_did
from archive.models import Observation, Product, ProductFile, ScienceWindow
from archive.selectors import current_rows
from vo.datalink.descriptors import soda_descriptor
from vo.datalink.relations import Relation, find_relations
from vo.datalink.sets import WindowSet, find_sets
from vo.products.preview import can_preview
from vo.soda.offers import inputs_of, limits_of

COLLECTION = "integral"
MAX_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    """One row of a links document; exactly one of `access_url`, `service_def` and `error_message` is set.

    `service` is the descriptor to which `service_def` refers.
    """

    id: str
    access_url: str = ""
    error_message: str = ""
    description: str = ""
    semantics: str = "#this"
    content_type: str = ""
    content_length: int | None = None
    content_qualifier: str = ""
    local_semantics: str = ""
    service_def: str = ""
    service: str = ""


_ROLES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "science": ("#this", "", "The product as delivered"),
        "arf": ("#calibration", "#arf", "Effective area of the spectrum, OGIP ARF"),
        "rmf": ("#calibration", "#rmf", "Redistribution matrix of the spectrum, OGIP RMF"),
        "smoothed": ("#auxiliary", "#smoothed", "Smoothed image"),
        "region": ("#auxiliary", "#region", "Sources in the image, region file of DS9"),
        "preview": ("#preview", "", "Preview"),
        "documentation": ("#documentation", "", "Documentation as delivered"),
    }
)
"""Semantics (core vocabulary of DataLink), local semantics and description of each role of a file."""

_ORDER = tuple(_ROLES)
_RESPONSES = "http://www.ivoa.net/rdf/response-type#"
"""Vocabulary of response functions, proposed in 2025 (VEP-25)."""

_QUALIFIERS = MappingProxyType(
    {
        "mosaic": "#image",
        "scw_image": "#image",
        "spectrum": "#spectrum",
        "long_timeseries": "#timeseries",
        "short_timeseries": "#timeseries",
        "light_curve": "#timeseries",
    }
)
"""Kinds of product that the IVOA vocabulary of product types has a word for."""


def did_of(product_id: str) -> str:
    """Return the publisher's identifier of a product, which stands in ObsCore."""
    return publisher_did(settings.IVO_AUTHORITY, COLLECTION, product_id)


def product_id_of(identifier: str) -> str:
    """Return the product id inside a publisher's identifier of this archive; anything else is taken as a product id."""
    return identifier.removeprefix(did_of(""))


def find_links(identifiers: Sequence[str]) -> Iterator[Link]:
    """Yield the links of every identifier, those of one together, in the order asked; an unknown one gets an error."""
    ids = {identifier: product_id_of(identifier.strip()) for identifier in identifiers}
    products = {row.product_id: row for row in current_rows(Product).filter(product_id__in=ids.values())}
    files: dict[str, list[ProductFile]] = {}
    wanted = ("product_id", "role", "file_name", "media_type", "size_bytes")
    for file in current_rows(ProductFile).filter(product_id__in=products).order_by().only(*wanted):
        files.setdefault(file.product_id, []).append(file)
    sets = find_sets(set(ids.values()) - set(products))
    known = _known_origins(products.values(), sets.values())
    gone = _withdrawn(set(ids.values()) - set(products) - set(sets))
    relations = find_relations(tuple(products.values()))
    for identifier, product_id in ids.items():
        product = products.get(product_id)
        if product is not None:
            yield from _product_links(identifier, product, files.get(product_id, []), known)
            yield from _related_links(identifier, relations[product_id])
            yield from _cutout_links(identifier, product, alone=len(ids) == 1)
        elif product_id in sets:
            yield from _set_links(identifier, sets[product_id], known)
        elif product_id in gone:
            yield Link(identifier, error_message=f"NotFoundFault: withdrawn with release {gone[product_id]}")
        else:
            yield Link(identifier, error_message="NotFoundFault: this archive has no product with that identifier")


def _qualifier(product: Product, file: ProductFile) -> str:
    if file.role == ProductFile.Role.SCIENCE:
        return _QUALIFIERS.get(product.kind, "")
    return f"{_RESPONSES}{file.role}" if file.role in {ProductFile.Role.ARF, ProductFile.Role.RMF} else ""


def _withdrawn(product_ids: Iterable[str]) -> dict[str, str]:
    """Return the release that ended each product which earlier releases had."""
    rows = Product.objects.filter(product_id__in=product_ids, release_to__isnull=False)
    ended = rows.order_by().values_list("product_id").annotate(name=Max("release_to__name"))
    return dict(ended)


def _known_origins(products: Iterable[Product], sets: Iterable[WindowSet] = ()) -> set[str]:
    """Return the addresses, below our own, of the observations and science windows that products were made from."""
    origins = [_origins(product) for product in products] + [("", one.scw_id) for one in sets]
    observations = {obs_id for obs_id, _ in origins if obs_id}
    windows = {scw_id for _, scw_id in origins if scw_id}
    found = current_rows(Observation).filter(obs_id__in=observations).values_list("obs_id", flat=True)
    addresses = {f"observations/{obs_id}" for obs_id in found} if observations else set()
    if windows:
        held = current_rows(ScienceWindow).filter(scw_id__in=windows).values_list("scw_id", flat=True)
        addresses |= {f"scw/{scw_id}" for scw_id in held}
    return addresses


def _origins(product: Product) -> tuple[str, str]:
    return product.obs_id, str(product.metadata.get("scw_id") or "")


def _set_links(identifier: str, window: WindowSet, known: set[str]) -> Iterator[Link]:
    """Yield the links of all that is held of an instrument in a science window: one tar, and each of its products."""
    first = window.products[0]
    simulated = "; simulated, not measured" if first.simulated else ""
    what = f"{len(window.products)} products of {window.instrument} in science window {window.scw_id}"
    yield Link(
        identifier,
        access_url=f"{settings.PUBLIC_URL}/datalink/package?{urlencode({'ID': identifier})}",
        description=f"{what}, with their SHA-256 digests{simulated}",
        content_type="application/x-tar",
    )
    for product in window.products:
        is_data = product.kind == Product.Kind.EVENT_LIST
        reason = "events" if is_data else "made from the science window"
        yield _related_link(identifier, Relation("#this" if is_data else "#derivation", reason, product))
    if f"scw/{window.scw_id}" in known:
        yield Link(
            identifier,
            access_url=f"{settings.PUBLIC_URL}/scw/{window.scw_id}",
            description="Page of the science window",
            semantics="#documentation",
            content_type="text/html",
        )


def _related_links(identifier: str, relations: Iterable[Relation]) -> Iterator[Link]:
    for relation in relations:
        yield _related_link(identifier, relation)


def _related_link(identifier: str, relation: Relation) -> Link:
    """Return the link to another product: to its own links document, which has its files and responses."""
    product = relation.product
    more = f"; {relation.more} more are not listed" if relation.more else ""
    simulated = "; simulated, not measured" if product.simulated else ""
    return Link(
        identifier,
        access_url=_links_address(settings.PUBLIC_URL, did_of(product.product_id)),
        description=f"{product.title} ({relation.reason}{more}){simulated}",
        semantics=relation.semantics,
        content_type="application/x-votable+xml;content=datalink",
        content_qualifier=_QUALIFIERS.get(product.kind, ""),
    )


@lru_cache(maxsize=8_192)
def _links_address(base: str, did: str) -> str:
    """Return the address of a links document; products of one epoch are related to one another."""
    return f"{base}/datalink/links?{urlencode({'ID': did})}"


def _cutout_links(identifier: str, product: Product, *, alone: bool) -> Iterator[Link]:
    """Yield the cut-out service; its limits are told where one product was asked for."""
    inputs = inputs_of(product)
    if not inputs:
        return
    limits = {key: value for key, value in limits_of(product).items() if key in inputs} if alone else {}
    for asynchronous in (False, True):
        name = f"cutout_{'image' if 'CIRCLE' in inputs else 'timeseries'}{'_async' if asynchronous else ''}"
        if alone:
            service = soda_descriptor(settings.PUBLIC_URL, identifier=identifier, name=name, inputs=inputs,
                                      limits=limits, asynchronous=asynchronous)  # fmt: skip
        else:
            service = _shared_descriptor(settings.PUBLIC_URL, name, inputs, asynchronous=asynchronous)
        yield Link(
            identifier,
            description=f"Cut-outs by {', '.join(inputs)}{', as a job' if asynchronous else ''}",
            semantics="#cutout",
            service_def=name,
            service=service,
        )


@lru_cache(maxsize=16)
def _shared_descriptor(base: str, name: str, inputs: tuple[str, ...], *, asynchronous: bool) -> str:
    """Return the descriptor that many identifiers of a document share."""
    return soda_descriptor(base, reference="ID", name=name, inputs=inputs, asynchronous=asynchronous)


def _has_votable(product: Product, files: list[ProductFile]) -> bool:
    if product.kind == Product.Kind.SPECTRUM:
        return any(file.role == ProductFile.Role.RMF for file in files)
    return product.kind in SERIES_KINDS and product.instrument != "irem"


def _product_links(identifier: str, product: Product, files: list[ProductFile], known: set[str]) -> Iterator[Link]:
    base = f"{settings.PUBLIC_URL}/products/{quote(product.product_id)}"
    simulated = "; simulated, not measured" if product.simulated else ""
    for file in sorted(files, key=lambda file: (_ORDER.index(file.role), file.file_name)):
        semantics, local, description = _ROLES[file.role]
        yield Link(
            identifier,
            access_url=f"{base}/files/{quote(file.file_name)}",
            description=f"{product.title if semantics == '#this' else description}{simulated}",
            semantics=semantics,
            content_type=file.media_type,
            content_length=file.size_bytes,
            content_qualifier=_qualifier(product, file),
            local_semantics=local,
        )
    if files and _has_votable(product, files):
        yield Link(
            identifier,
            access_url=f"{settings.PUBLIC_URL}/votable/{quote(product.product_id)}",
            description=f"{product.title}, as VOTable{simulated}",
            content_type="application/x-votable+xml",
            content_qualifier=_QUALIFIERS.get(product.kind, ""),
            local_semantics="#votable",
        )
    if files and can_preview(product):
        yield Link(
            identifier,
            access_url=f"{settings.PUBLIC_URL}/preview/{quote(product.product_id)}",
            description=f"Picture of {product.title}{simulated}",
            semantics="#preview",
            content_type="image/png",
        )
    obs_id, scw_id = _origins(product)
    for path in (f"observations/{obs_id}", f"scw/{scw_id}"):
        if path in known:
            yield Link(
                identifier,
                access_url=f"{settings.PUBLIC_URL}/{path}",
                description=f"Where the data come from: {path.partition('/')[0].replace('scw', 'science window')}",
                semantics="#progenitor",
                content_type="text/html",
            )
    yield Link(
        identifier,
        access_url=f"{settings.PUBLIC_URL}/deliveries/{quote(product.delivery_id, safe='')}",  # pyright: ignore[reportAttributeAccessIssue]
        description="Provenance: the delivery that brought the product, its checks and signatures",
        semantics="#documentation",
        content_type="text/html",
        local_semantics="#provenance",
    )
    if len(files) > 1:
        yield Link(
            identifier,
            access_url=f"{settings.PUBLIC_URL}/datalink/package?{urlencode({'ID': did_of(product.product_id)})}",
            description=f"All files of the product with their SHA-256 digests{simulated}",
            semantics="#package",
            content_type="application/x-tar",
        )
    yield Link(
        identifier,
        access_url=base,
        description="Page of the product",
        semantics="#documentation",
        content_type="text/html",
    )
