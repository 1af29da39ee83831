"""Resolves a parsed query: binds tables and columns, gives each output column its VOTable type.

After this nothing refers to the text of the query any more; the SQL writers see published names and typed values.
"""

from collections.abc import Mapping
from dataclasses import replace

from archive.published import Column, Table
from vo.adql.conditions import resolve_condition
from vo.adql.errors import (
    ADQLError,
    AmbiguousNameError,
    TypeMismatchError,
    UnknownColumnError,
    UnknownTableError,
)
from vo.adql.late import NAME, check_places
from vo.adql.outputs import default_name, has_aggregate, named_item, ungrouped, unique_columns
from vo.adql.resolved import (
    BOOLEAN,
    GEOMETRY_KINDS,
    TEXT,
    BaseTable,
    Body,
    ColumnUse,
    FromItem,
    JoinedTables,
    Meta,
    NamedQuery,
    Operation,
    OutputColumn,
    QueryTable,
    ResolvedQuery,
    SelectBody,
    SetBody,
    Typed,
)
from vo.adql.scope import Scope, Source, same_name, same_names
from vo.adql.suggest import did_you_mean
from vo.adql.syntax import (
    ColumnReference,
    DerivedColumn,
    DerivedTable,
    Identifier,
    Join,
    Node,
    Query,
    QueryBody,
    Select,
    SelectExpression,
    SetOperation,
    Star,
    TableName,
    TableReference,
)
from vo.adql.tokens import line_and_column
from vo.adql.types import common_meta
from vo.adql.values import resolve_value

MAX_COLUMNS = 1_600
UPLOAD_PREFIX = "tap_upload."


def uploaded_table_name(number: int) -> tuple[str, str]:
    """Return the name in the database of the uploaded table of that number, counted from 1.

    Its columns are ``c1``, ``c2``, ...: no name of the user's gets into the database.
    """
    return ("pg_temp", f"u{number}")


def resolve_query(query: Query, tables: Mapping[str, Table], text: str) -> ResolvedQuery:
    """Resolve a query against tables.

    Parameters
    ----------
    query
        What the parser made of `text`.
    tables
        Published and uploaded tables by name (``schema.table``).
    text
        The query, for the lines and columns of errors.

    Raises
    ------
    ADQLError
        A subclass that names what is wrong and where.
    """
    return _Resolver(tables, text).resolve(query)


class _Resolver:
    """Holds what lasts for one query: the tables, the counter of SQL names, the named queries."""

    def __init__(self, tables: Mapping[str, Table], text: str) -> None:
        self.tables = tables
        uploads = [name for name in tables if name.startswith(UPLOAD_PREFIX)]
        self.uploads = {name: number for number, name in enumerate(uploads, 1)}
        self.text = text
        self.aliases = 0
        self.named: list[tuple[Identifier, str, Body]] = []

    def error(self, cls: type[ADQLError], message: str, node: Node) -> ADQLError:
        line, column = line_and_column(self.text, node.pos)
        return cls(message, line=line, column=column)

    def next_alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def resolve(self, query: Query) -> ResolvedQuery:
        if NAME in self.text.upper():
            check_places(query, self.error)
        for item in query.with_queries:
            if any(same_name(item.name, name.name) for name, _, _ in self.named):
                msg = f"WITH names two queries {item.name.name}"
                raise self.error(AmbiguousNameError, msg, item)
            body = self.expression(item.query, None)
            self.named.append((item.name, f"w{len(self.named) + 1}", body))
        body = self.expression(query.expression, None)
        columns = tuple(replace(c, meta=TEXT) if c.meta.kind == "null" else c for c in body.columns)
        return ResolvedQuery(columns, body, tuple((sql_name, b) for _, sql_name, b in self.named))

    # --- set expressions --------------------------------------------------------------------------------------------

    def expression(self, node: SelectExpression, outer: Scope | None) -> Body:
        """Resolve a select expression with its ORDER BY and OFFSET."""
        if isinstance(node.body, Select):
            return self.select(node.body, node, outer)
        body = self.body(node.body, outer)
        if not node.order_by and node.offset is None:
            return body
        order_by = tuple((self._output_position(term.by, body, term), term.descending) for term in node.order_by)
        if isinstance(body, SelectBody) or body.order_by or body.offset is not None:
            return self._wrap(body, order_by, node.offset)
        return replace(body, order_by=order_by, offset=node.offset)

    def body(self, node: QueryBody, outer: Scope | None) -> Body:
        match node:
            case Select():
                return self.select(node, SelectExpression(node), outer)
            case SelectExpression():
                return self.expression(node, outer)
            case SetOperation():
                return self._set_operation(node, outer)

    def _wrap(self, body: Body, order_by: tuple[tuple[int, bool], ...], offset: int | None) -> SelectBody:
        """Make ``SELECT * FROM (body)`` so that a second order or offset applies after the first."""
        alias = self.next_alias()
        values = tuple(ColumnUse(alias, c.sql_name, c.meta, c.name) for c in body.columns)
        ordering = tuple((values[position - 1], descending) for position, descending in order_by)
        return SelectBody(
            body.columns,
            values,
            (QueryTable(alias, body),),
            None,
            (),
            None,
            distinct=False,
            order_by=ordering,
            offset=offset,
        )

    def _set_operation(self, node: SetOperation, outer: Scope | None) -> SetBody:
        left, right = self.body(node.left, outer), self.body(node.right, outer)
        if len(left.columns) != len(right.columns):
            msg = f"{node.operator} joins queries of {len(left.columns)} and {len(right.columns)} columns"
            raise self.error(TypeMismatchError, msg, node)
        columns = []
        for mine, other in zip(left.columns, right.columns, strict=True):
            meta = common_meta([mine.meta, other.meta])
            if meta is None or (meta.kind in GEOMETRY_KINDS and mine.meta != other.meta):
                kinds = f"a {mine.meta.kind} on the left, a {other.meta.kind} on the right"
                msg = f"{node.operator}: column {mine.name} is {kinds}"
                raise self.error(TypeMismatchError, msg, node)
            columns.append(OutputColumn(mine.name, mine.sql_name, meta))
        name = f"{node.operator} ALL" if node.keep_duplicates else node.operator
        return SetBody(name, left, right, tuple(columns))

    def _output_position(self, by: object, body: Body, node: Node) -> int:
        """Return the position of the output column that an ORDER BY after a set operation names."""
        if isinstance(by, int):
            return self._check_position(by, len(body.columns), node)
        if isinstance(by, ColumnReference) and len(by.names) == 1:
            found = [i for i, c in enumerate(body.columns, 1) if same_name(by.names[0], c.name)]
            if found:
                return found[0]
            known = [column.name for column in body.columns]
            msg = f"Unknown column {by.names[0].name} in ORDER BY{did_you_mean(by.names[0].name, known)}"
            raise self.error(UnknownColumnError, msg, node)
        msg = "ORDER BY after a set operation takes names or positions of output columns"
        raise self.error(TypeMismatchError, msg, node)

    def _check_position(self, position: int, count: int, node: Node) -> int:
        if not 1 <= position <= count:
            msg = f"ORDER BY {position}: the query has {count} output column(s)"
            raise self.error(UnknownColumnError, msg, node)
        return position

    # --- select -----------------------------------------------------------------------------------------------------

    def select(self, node: Select, expression: SelectExpression, outer: Scope | None) -> SelectBody:
        """Resolve one SELECT together with the ORDER BY and OFFSET around it."""
        scope = Scope(self.error, outer)
        tables = tuple(self._from(table, scope) for table in node.tables)
        self._check_duplicates(scope, node)
        scope.aggregates_allowed = False
        where = resolve_condition(node.where, scope, self.expression) if node.where else None
        scope.aggregates_allowed = True
        items = self._items(node, scope)
        group_by = self._group_by(node, items, scope)
        having = resolve_condition(node.having, scope, self.expression) if node.having else None
        order_by = tuple(
            (self._order_value(term.by, node, items, scope, term), term.descending) for term in expression.order_by
        )
        body = SelectBody(
            unique_columns(items),
            tuple(value for _, value in items),
            tables,
            where,
            group_by,
            having,
            node.distinct,
            order_by,
            node.top,
            expression.offset,
        )
        self._check_grouping(body, scope, node)
        if node.distinct and any(value not in body.values for value, _ in order_by):
            msg = "ORDER BY after SELECT DISTINCT takes output columns only"
            raise self.error(TypeMismatchError, msg, expression.order_by[0])
        return body

    def _check_duplicates(self, scope: Scope, node: Node) -> None:
        seen: dict[str, Source] = {}
        for source in scope.sources:
            name = ".".join(source.names).lower()
            if name in seen:
                msg = f"FROM names {'.'.join(source.names)} twice: give each its own name with AS"
                raise self.error(AmbiguousNameError, msg, node)
            seen[name] = source

    def _items(self, node: Select, scope: Scope) -> list[tuple[str, Typed]]:
        items: list[tuple[str, Typed]] = []
        for item in node.items:
            match item:
                case Star(()):
                    items += scope.columns()
                case Star(qualifier):
                    items += self._qualified_star(qualifier, scope, item)
                case DerivedColumn(value, alias):
                    resolved = resolve_value(value, scope)
                    items.append((alias.name if alias else default_name(item, resolved), resolved))
        if len(items) > MAX_COLUMNS:
            msg = f"the query has {len(items)} output columns; this service gives at most {MAX_COLUMNS}"
            raise self.error(TypeMismatchError, msg, node)
        return items

    def _qualified_star(self, qualifier: tuple[Identifier, ...], scope: Scope, node: Node) -> list[tuple[str, Typed]]:
        found = [source for source in scope.sources if source.answers_to(qualifier)]
        name = ".".join(identifier.name for identifier in qualifier)
        if not found:
            known = [".".join(source.names) for source in scope.sources]
            msg = f"Unknown table {name} in {name}.*: not in FROM{did_you_mean(name, known)}"
            raise self.error(UnknownTableError, msg, node)
        if len(found) > 1:
            msg = f"{name}.* may mean more than one table: give each its own name with AS"
            raise self.error(AmbiguousNameError, msg, node)
        return list(found[0].columns)

    def _group_by(self, node: Select, items: list[tuple[str, Typed]], scope: Scope) -> tuple[Typed, ...]:
        """Resolve GROUP BY; a name that is no column may be that of an output column."""
        scope.aggregates_allowed = False
        terms = []
        for term in node.group_by:
            try:
                terms.append(resolve_value(term, scope))
            except UnknownColumnError:
                named = named_item(term, items)
                if named is None or has_aggregate(named):
                    raise
                terms.append(named)
        scope.aggregates_allowed = True
        return tuple(terms)

    def _order_value(self, by: object, node: Select, items: list[tuple[str, Typed]], scope: Scope, term: Node) -> Typed:
        if isinstance(by, int):
            return items[self._check_position(by, len(items), term) - 1][1]
        named = named_item(by, items)
        if named is not None:
            return named
        value = resolve_value(by, scope)  # pyright: ignore[reportArgumentType]  # OrderTerm.by is an int or a Value
        if value.meta.kind in GEOMETRY_KINDS:
            msg = "ORDER BY cannot order geometries"
            raise self.error(TypeMismatchError, msg, term)
        return value

    def _check_grouping(self, body: SelectBody, scope: Scope, node: Select) -> None:
        """Refuse columns that are neither grouped nor aggregated (SQL92 7.9)."""
        outputs = [*body.values, *([body.having] if body.having else []), *(value for value, _ in body.order_by)]
        if not body.group_by and not body.having and not any(has_aggregate(value) for value in outputs):
            return
        own = {source.alias for source in scope.sources}
        for value in outputs:
            loose = ungrouped(value, body.group_by, own)
            if loose is not None:
                msg = f"column {loose.label} must be in GROUP BY or inside an aggregate such as MAX({loose.label})"
                raise self.error(TypeMismatchError, msg, node)

    # --- tables -----------------------------------------------------------------------------------------------------

    def _from(self, node: TableReference, scope: Scope) -> FromItem:
        match node:
            case TableName():
                return self._table(node, scope)
            case DerivedTable(query, alias):
                return self._derived(self.expression(query, scope.outer), alias.name, scope)
            case Join():
                return self._join(node, scope)

    def _derived(self, body: Body, name: str, scope: Scope) -> QueryTable:
        alias = self.next_alias()
        columns = tuple((c.name, ColumnUse(alias, c.sql_name, c.meta, c.name)) for c in body.columns)
        scope.add([Source(alias, (name,), columns)])
        return QueryTable(alias, body)

    def _table(self, node: TableName, scope: Scope) -> FromItem:
        alias = self.next_alias()
        if len(node.names) == 1:
            for name, sql_name, body in reversed(self.named):
                if same_name(node.names[0], name.name):
                    columns = tuple((c.name, ColumnUse(alias, c.sql_name, c.meta, c.name)) for c in body.columns)
                    scope.add([Source(alias, (node.alias.name if node.alias else name.name,), columns)])
                    return NamedQuery(alias, sql_name)
        table = self._find_table(node)
        role = {table.position.ra: "ra", table.position.dec: "dec"} if table.position else {}
        if table.footprint:
            role[table.footprint.column] = "footprint"
        number = self.uploads.get(table.name)
        columns = tuple(
            (c.name, ColumnUse(alias, c.name if number is None else f"c{i}", _meta_of(c), c.name, role.get(c.name, "")))  # pyright: ignore[reportArgumentType]
            for i, c in enumerate(table.columns, 1)
        )
        names = (node.alias.name,) if node.alias else tuple(table.name.split("."))
        scope.add([Source(alias, names, columns)])
        if number is not None:
            return BaseTable(alias, uploaded_table_name(number), uploaded=True)
        return BaseTable(alias, tuple(table.name.split(".")))

    def _find_table(self, node: TableName) -> Table:
        wanted = ".".join(identifier.name for identifier in node.names)
        found = [table for name, table in self.tables.items() if same_names(node.names, name.split("."))]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"table {wanted} may be {' or '.join(table.name for table in found)}: write the schema before it"
            raise self.error(AmbiguousNameError, msg, node)
        msg = f"Unknown table {wanted}{did_you_mean(wanted, [*self.tables, *(n.split('.')[-1] for n in self.tables)])}"
        raise self.error(UnknownTableError, msg, node)

    def _join(self, node: Join, scope: Scope) -> JoinedTables:
        side_scopes = []
        for side in (node.left, node.right):
            side_scope = Scope(self.error, scope.outer)
            side_scopes.append((self._from(side, side_scope), side_scope))
        (left, left_scope), (right, right_scope) = side_scopes
        joined = Scope(self.error, scope.outer, [*left_scope.sources, *right_scope.sources])
        joined.merged = [*left_scope.merged, *right_scope.merged]
        joined.hidden = left_scope.hidden | right_scope.hidden
        condition = self._join_condition(node, left_scope, right_scope, joined)
        scope.add(joined.sources)
        scope.merged += joined.merged
        scope.hidden |= joined.hidden
        return JoinedTables(node.kind, left, right, condition)

    def _join_condition(self, node: Join, left: Scope, right: Scope, joined: Scope) -> Typed | None:
        if node.on is not None:
            joined.aggregates_allowed = False
            return resolve_condition(node.on, joined, self.expression)
        if node.using:
            names = list(node.using)
        elif node.natural:
            right_names = {name.lower() for name, _ in right.columns()}
            names = [Identifier(n, delimited=True, pos=node.pos) for n, _ in left.columns() if n.lower() in right_names]
        else:
            msg = "JOIN needs ON (condition), USING (columns) or NATURAL before it"
            raise self.error(TypeMismatchError, msg, node)
        tests = [self._merge(name, node, left, right, joined) for name in names]
        if not tests:
            msg = "NATURAL JOIN: the tables have no column name in common; use JOIN ... ON"
            raise self.error(UnknownColumnError, msg, node)
        return Operation("AND", tuple(tests), BOOLEAN) if len(tests) > 1 else tests[0]

    def _merge(self, name: Identifier, node: Join, left: Scope, right: Scope, joined: Scope) -> Typed:
        """Make one column of two of the same name, as SQL92 7.5 asks, and return the condition that joins them."""
        reference = ColumnReference((name,), pos=name.pos)
        one, two = _without_outer(left).find(reference), _without_outer(right).find(reference)
        meta = common_meta([one.meta, two.meta])
        if meta is None or meta.kind in GEOMETRY_KINDS:
            msg = f"the column {name.name} is a {one.meta.kind} in one table and a {two.meta.kind} in the other"
            raise self.error(TypeMismatchError, msg, name)
        merged = {"FULL": Operation("COALESCE", (one, two), meta), "RIGHT": two}.get(node.kind, one)
        joined.hidden |= {use for use in (one, two) if isinstance(use, ColumnUse)}
        joined.merged = [(n, value) for n, value in joined.merged if not same_name(name, n)]
        joined.merged.append((name.name, merged))
        return Operation("=", (one, two), BOOLEAN)


def _without_outer(scope: Scope) -> Scope:
    """Return a scope that does not look outwards."""
    return Scope(scope.error, None, scope.sources, scope.merged, scope.hidden)


def _meta_of(column: Column) -> Meta:
    return Meta(
        column.datatype, column.arraysize, column.unit, column.ucd, column.utype, column.xtype, column.description
    )
