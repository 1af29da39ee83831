"""What to write in a paper that uses some products: acknowledgement text and BibTeX."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from archive.models import Delivery, Product, Release

MISSION = ("Winkler2003", "Winkler, C. and others", "The INTEGRAL mission", "L1")
"""The mission's paper, Astronomy & Astrophysics 411 (2003): key, author, title, first page.

The instruments' papers stand in the same volume; they are not named one by one until their titles and pages have been
checked against the volume.
"""


@dataclass(frozen=True, slots=True)
class Cited:
    """What a text cites: how many products, of which instruments and deliveries."""

    count: int
    instruments: frozenset[str]
    delivery_ids: frozenset[str]
    simulated: bool


def cite(products: Sequence[Product]) -> Cited:
    """Return what has to be cited for some products."""
    return Cited(
        len(products),
        frozenset(p.instrument for p in products),
        frozenset(p.delivery_id for p in products),  # pyright: ignore[reportAttributeAccessIssue]
        any(p.simulated for p in products),
    )


def acknowledgement(cited: Cited, release: Release | None) -> str:
    """Return one paragraph that names the release, the deliveries and the mission's paper for some products."""
    _, author, _, first_page = MISSION
    described = f"{author.split(',')[0]} et al. 2003, A&A 411, {first_page}, its instruments in the same volume"
    which = f", release {release.name}" if release else ""
    deliveries = Delivery.objects.filter(pk__in=cited.delivery_ids).order_by("pk").defer("counts", "findings")
    parts = "; ".join(
        f"{d.title} ({d.team}, delivery {d.pk}{', SIMULATED data' if d.simulated else ''})" for d in deliveries
    )
    made_up = " Some of these data are simulated and were not measured by INTEGRAL." if cited.simulated else ""
    count = f"{cited.count:,} data product{'' if cited.count == 1 else 's'}"
    return (
        f"This work uses {count} from the INTEGRAL legacy archive at {settings.PUBLIC_URL}{which}: {parts or 'none'}. "
        f"INTEGRAL is described in {described}.{made_up}"
    )


def bibtex(release: Release | None) -> str:
    """Return BibTeX entries of the mission's paper and of the release."""
    key, author, title, page = MISSION
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
