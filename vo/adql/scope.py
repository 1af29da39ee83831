"""Finds what a name means: the tables and columns in reach of a select."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from vo.adql.errors import ADQLError, AmbiguousNameError, UnknownColumnError, UnknownTableError
from vo.adql.resolved import ColumnUse, Typed
from vo.adql.suggest import did_you_mean
from vo.adql.syntax import ColumnReference, Identifier, Node

ErrorMaker = Callable[[type[ADQLError], str, Node], ADQLError]


def same_names(identifiers: Sequence[Identifier], names: Sequence[str]) -> bool:
    """Compare the names one by one; `identifiers` may leave out the first ones of `names`."""
    tail = names[-len(identifiers) :]
    return len(tail) == len(identifiers) and all(same_name(i, n) for i, n in zip(identifiers, tail, strict=True))


def same_name(identifier: Identifier, name: str) -> bool:
    """Compare as ADQL 2.1 section 2.1.3 does: regular identifiers whatever their case, delimited ones exactly."""
    return identifier.name == name if identifier.delimited else identifier.name.lower() == name.lower()


@dataclass(frozen=True, slots=True)
class Source:
    """A table, subquery or named query in FROM: the names that qualify its columns, and the columns."""

    alias: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ColumnUse], ...]

    def answers_to(self, qualifier: tuple[Identifier, ...]) -> bool:
        """Whether `table.`, `schema.table.` or an alias means this source."""
        return same_names(qualifier, self.names)


@dataclass(slots=True)
class Scope:
    """The sources of one select; `outer` is the scope of the query around it."""

    error: ErrorMaker
    outer: "Scope | None" = None
    sources: list[Source] = field(default_factory=list)
    merged: list[tuple[str, Typed]] = field(default_factory=list)
    """Columns that USING or NATURAL made one of two."""
    hidden: set[ColumnUse] = field(default_factory=set)
    """Columns that a merged column stands for."""
    aggregates_allowed: bool = True

    def add(self, sources: Iterable[Source]) -> None:
        """Bring sources into reach; refuse two of one name."""
        self.sources.extend(sources)

    def columns(self) -> list[tuple[str, Typed]]:
        """All columns that `*` means, merged ones first."""
        plain = [(name, use) for source in self.sources for name, use in source.columns if use not in self.hidden]
        return [*self.merged, *plain]

    def find(self, reference: ColumnReference) -> Typed:
        """Return the column of that name, looking outwards.

        Raises
        ------
        UnknownColumnError, UnknownTableError, AmbiguousNameError
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope.find_here(reference)
            if found is not None:
                return found
            scope = scope.outer
        return self._refuse(reference)

    def find_here(self, reference: ColumnReference) -> Typed | None:
        """Return the column of that name in this scope alone."""
        *qualifier, column = reference.names
        if not qualifier:
            merged = [value for name, value in self.merged if same_name(column, name)]
            if merged:
                return merged[0]
        sources = [s for s in self.sources if not qualifier or s.answers_to(tuple(qualifier))]
        found = [(s, use) for s in sources for name, use in s.columns if same_name(column, name)]
        if not qualifier:
            found = [(s, use) for s, use in found if use not in self.hidden]
        if len(found) > 1:
            where = " and ".join(".".join(s.names) for s, _ in found)
            msg = f"column {column.name} is in {where}: write the table before it"
            raise self.error(AmbiguousNameError, msg, reference)
        return found[0][1] if found else None

    def _refuse(self, reference: ColumnReference) -> Typed:
        *qualifier, column = reference.names
        every = self._sources_outwards()
        name = ".".join(identifier.name for identifier in reference.names)
        if qualifier:
            matching = [s for s in every if s.answers_to(tuple(qualifier))]
            if not matching:
                table = ".".join(identifier.name for identifier in qualifier)
                known = [".".join(s.names) for s in every]
                msg = f"Unknown table {table} in {name}: not in FROM{did_you_mean(table, known)}"
                raise self.error(UnknownTableError, msg, reference)
            every = matching
        known = [known for source in every for known, _ in source.columns]
        where = ", ".join(dict.fromkeys(".".join(s.names) for s in every))
        msg = f"Unknown column {name} in {where}{did_you_mean(column.name, known)}"
        raise self.error(UnknownColumnError, msg, reference)

    def _sources_outwards(self) -> list[Source]:
        sources, scope = [], self
        while scope is not None:
            sources += scope.sources
            scope = scope.outer
        return sources
