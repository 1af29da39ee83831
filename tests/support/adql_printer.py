"""Prints a syntax tree as ADQL, with every parenthesis, so that parsing it again must give the same tree."""

from vo.adql import syntax


def print_query(query):
    text = print_expression(query.expression)
    if query.with_queries:
        named = ", ".join(f"{name(w.name)} AS ({print_expression(w.query)})" for w in query.with_queries)
        text = f"WITH {named} {text}"
    return text


def print_expression(node):
    text = body(node.body)
    if node.order_by:
        terms = (
            f"{t.by if isinstance(t.by, int) else value(t.by)}{' DESC' if t.descending else ' ASC'}"
            for t in node.order_by
        )
        text += " ORDER BY " + ", ".join(terms)
    return text + (f" OFFSET {node.offset}" if node.offset is not None else "")


def body(node):
    match node:
        case syntax.SelectExpression():
            return f"({print_expression(node)})"
        case syntax.SetOperation(operator, left, right, keep):
            return f"{body(left)} {operator}{' ALL' if keep else ''} {body(right)}"
        case syntax.Select():
            parts = ["SELECT", "DISTINCT" if node.distinct else "", "" if node.top is None else f"TOP {node.top}"]
            parts.append(", ".join(map(item, node.items)))
            parts.append("FROM " + ", ".join(map(table, node.tables)))
            if node.where:
                parts.append("WHERE " + condition(node.where))
            if node.group_by:
                parts.append("GROUP BY " + ", ".join(map(value, node.group_by)))
            if node.having:
                parts.append("HAVING " + condition(node.having))
            return " ".join(part for part in parts if part)


def name(identifier):
    if identifier.delimited:
        return '"' + identifier.name.replace('"', '""') + '"'
    return identifier.name


def names(identifiers):
    return ".".join(map(name, identifiers))


def item(node):
    if isinstance(node, syntax.Star):
        return names(node.qualifier) + ".*" if node.qualifier else "*"
    return value(node.value) + (f" AS {name(node.alias)}" if node.alias else "")


def table(node):
    match node:
        case syntax.TableName(parts, alias):
            return names(parts) + (f" {name(alias)}" if alias else "")
        case syntax.DerivedTable(query, alias):
            return f"({print_expression(query)}) AS {name(alias)}"
        case syntax.Join(kind, left, right, natural, on, using):
            text = f"{table(left)} {'NATURAL ' if natural else ''}{kind} JOIN "
            text += f"({table(right)})" if isinstance(right, syntax.Join) else table(right)
            if on:
                text += f" ON {condition(on)}"
            return text + (f" USING ({', '.join(map(name, using))})" if using else "")


def condition(node):  # noqa: PLR0911  # one return for each node
    match node:
        case syntax.And(parts):
            return "(" + " AND ".join(map(condition, parts)) + ")"
        case syntax.Or(parts):
            return "(" + " OR ".join(map(condition, parts)) + ")"
        case syntax.Not(part):
            return f"NOT ({condition(part)})"
        case syntax.Comparison(operator, left, right):
            return f"{value(left)} {operator} {value(right)}"
        case syntax.Between(operand, low, high, negated):
            return f"{value(operand)}{_not(negated)} BETWEEN {value(low)} AND {value(high)}"
        case syntax.InList(operand, items, negated):
            return f"{value(operand)}{_not(negated)} IN ({', '.join(map(value, items))})"
        case syntax.InQuery(operand, query, negated):
            return f"{value(operand)}{_not(negated)} IN ({print_expression(query)})"
        case syntax.Like(operand, pattern, negated, insensitive):
            return f"{value(operand)}{_not(negated)} {'ILIKE' if insensitive else 'LIKE'} {value(pattern)}"
        case syntax.IsNull(column, negated):
            return f"{value(column)} IS{_not(negated)} NULL"
        case syntax.Exists(query):
            return f"EXISTS ({print_expression(query)})"


def _not(negated):
    return " NOT" if negated else ""


def value(node):  # noqa: PLR0911  # one return for each node
    match node:
        case syntax.NumberLiteral(text):
            return text
        case syntax.StringLiteral(text):
            return "'" + text.replace("'", "''") + "'"
        case syntax.BooleanLiteral(truth):
            return str(truth).upper()
        case syntax.NullLiteral():
            return "NULL"
        case syntax.ColumnReference(parts):
            return names(parts)
        case syntax.Signed(operator, operand):
            return f"({operator} ({value(operand)}))"
        case syntax.Chain(first, rest):
            return "((" + value(first) + ")" + "".join(f" {op} ({value(v)})" for op, v in rest) + ")"
        case syntax.FunctionCall(function, arguments):
            return f"{function}({', '.join(map(value, arguments))})"
        case syntax.Aggregate(function, argument, distinct):
            return f"{function}({'DISTINCT ' if distinct else ''}{'*' if argument is None else value(argument)})"
        case syntax.Cast(operand, target, length):
            return f"CAST({value(operand)} AS {target}{'' if length is None else f'({length})'})"
        case syntax.Shape(kind, coordsys, arguments):
            parts = ([value(coordsys)] if coordsys else []) + list(map(value, arguments))
            return f"{kind}({', '.join(parts)})"
