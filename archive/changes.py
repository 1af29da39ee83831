"""What each release changed for one source or one circle on the sky: the matter of feeds and watch lists."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from archive.models import Observation, Product, Release, Released, ScienceWindow, Source
from archive.selectors import current_release, within_cone
from archive.services import released_models

AROUND = (Source, Observation, ScienceWindow, Product)
"""What is counted around a position: whatever has one and is shown on a page of its own."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one release did: rows that it brought (new or changed) and rows that it ended, per kind of thing."""

    release: Release
    brought: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def describe(self) -> str:
        """Say it in a sentence.

        A row that changed counts on both sides; what only ended was taken away.
        """
        names = sorted({*self.brought, *self.ended})
        parts = [f"{name}: {self.brought.get(name, 0)} new or changed" + self._gone(name) for name in names]
        return "; ".join(parts) or "nothing"

    def _gone(self, name: str) -> str:
        gone = self.ended.get(name, 0) - self.brought.get(name, 0)
        return f", at least {gone} gone" if gone > 0 else ""


def served_releases() -> list[Release]:
    """Releases from the current one back to the first, without those that were rolled back."""
    release = current_release()
    chain = []
    while release is not None:
        chain.append(release)
        release = release.previous
    return chain


def changes_of_source(source_id: str) -> list[Change]:
    """What each served release changed for a source, newest first; releases that did nothing are left out."""
    models = [m for m in released_models() if any(column.name == "source_id" for column in m._meta.concrete_fields)]
    return _list_changes(models, lambda rows: rows.filter(source_id=source_id))


def changes_around(ra: float, dec: float, radius_deg: float) -> list[Change]:
    """What each served release changed within `radius_deg` of a position (ICRS, deg), newest first.

    Raises
    ------
    UsageError
        If the position or radius is outside its range.
    """
    return _list_changes(list(AROUND), lambda rows: within_cone(rows, ra, dec, radius_deg).order_by())


def _list_changes(models: list[type[Released]], keep: Callable[[QuerySet], QuerySet]) -> list[Change]:
    brought: dict[int, dict[str, int]] = defaultdict(dict)
    ended: dict[int, dict[str, int]] = defaultdict(dict)
    for model in models:
        name = model._meta.db_table.removeprefix("archive_").replace("_", " ")
        for column, counts in (("release_from", brought), ("release_to", ended)):
            rows = keep(model.objects.filter(**{f"{column}__isnull": False}))
            for number, count in rows.order_by().values_list(column).annotate(n=Count("pk")):
                counts[number][name] = count
    changes = (Change(r, brought.get(r.number, {}), ended.get(r.number, {})) for r in served_releases())
    return [change for change in changes if change.brought or change.ended]
