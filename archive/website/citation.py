"""What to write in a paper that uses some products: acknowledgement text and BibTeX."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from django.conf import settings

from archive.models import Delivery, Product, Release

MISSION = ("Winkler2003", "Winkler, C. and others", "The INTEGRAL mission", "L1")
INSTRUMENTS: Mapping[str, tuple[tuple[str, str, str, str], ...]] = MappingProxyType(
    {
        "isgri": (
            ("Ubertini2003", "Ubertini, P. and others", "IBIS: The Imager on-board INTEGRAL", "L131"),
            ("Lebrun2003", "Lebrun, F. and others", "ISGRI: The INTEGRAL Soft Gamma-Ray Imager", "L141"),
        ),
        "picsit": (
            ("Ubertini2003", "Ubertini, P. and others", "IBIS: The Imager on-board INTEGRAL", "L131"),
            ("Labanti2003", "Labanti, C. and others", "The Ibis-Picsit detector onboard Integral", "L149"),
        ),
        "jemx": (("Lund2003", "Lund, N. and others", "JEM-X: The X-ray monitor aboard INTEGRAL", "L231"),),
        "spi": (("Vedrenne2003", "Vedrenne, G. and others", "SPI: The spectrometer aboard INTEGRAL", "L63"),),
        "omc": (
            ("MasHesse2003", "Mas-Hesse, J. M. and others", "OMC: An Optical Monitoring Camera for INTEGRAL", "L261"),
        ),
    }
)
"""Papers of the instruments, Astronomy & Astrophysics 411 (2003): key, author, title, first page."""


def papers(instruments: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """Return the mission's paper and those of the instruments, each once."""
    wanted = {"jemx" if name.startswith("jemx") else name for name in instruments}
    found = [paper for name, ones in INSTRUMENTS.items() if name in wanted for paper in ones]
    return list(dict.fromkeys((MISSION, *found)))


def acknowledgement(products: Sequence[Product], release: Release | None) -> str:
    """Return one paragraph that names the release, the deliveries and the papers of some products."""
    cited = "; ".join(
        f"{author.split(',')[0]} et al. 2003, A&A 411, {page}"
        for _, author, _, page in papers({p.instrument for p in products})
    )
    which = f", release {release.name}" if release else ""
    deliveries = (
        Delivery.objects.filter(pk__in={p.delivery.pk for p in products}).order_by("pk").defer("counts", "findings")
    )
    parts = "; ".join(
        f"{d.title} ({d.team}, delivery {d.pk}{', SIMULATED data' if d.simulated else ''})" for d in deliveries
    )
    made_up = (
        " Some of these data are simulated and were not measured by INTEGRAL."
        if any(p.simulated for p in products)
        else ""
    )
    count = f"{len(products)} data product{'' if len(products) == 1 else 's'}"
    return (
        f"This work uses {count} from the INTEGRAL legacy archive at {settings.PUBLIC_URL}{which}: {parts or 'none'}. "
        f"INTEGRAL is described in {cited}.{made_up}"
    )


def bibtex(products: Sequence[Product], release: Release | None) -> str:
    """Return BibTeX entries of the papers and of the release."""
    entries = [
        _entry(
            f"article{{{key}",
            author=author,
            title=f"{{{title}}}",
            journal="Astronomy and Astrophysics",
            year="2003",
            volume="411",
            pages=page,
        )
        for key, author, title, page in papers({p.instrument for p in products})
    ]
    if release is not None:
        entries.append(
            _entry(
                f"misc{{Archipelago{release.name.replace('.', '-')}",
                title=f"{{INTEGRAL legacy archive, release {release.name}}}",
                year=f"{release.published_at:%Y}",
                howpublished=f"{settings.PUBLIC_URL}/releases/{release.name}",
            )
        )
    return "\n".join(entries)


def _entry(head: str, **fields: str) -> str:
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{head},\n{lines}\n}}\n"
