"""Writes the documents of VOSI 1.1: capabilities (with TAPRegExt 1.0), availability and tables (VODataService 1.1).

IVOA namespaces only: a validator without a network cannot fetch any other schema.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from xml.sax.saxutils import escape, quoteattr

from archive.published import SCHEMAS, Column, Key, Table
from vo.adql.functions import FUNCTIONS
from vo.adql.words import GEOMETRY_FUNCTIONS, RESERVED_WORDS, SHAPES
from vo.tap.formats import FORMATS, ResultFormat
from vo.tap.params import DEFAULT_MAXREC, HARD_MAXREC, MOST_UPLOAD_BYTES
from vo.uws.params import DEFAULT_DURATION_S, DEFAULT_LIFETIME, LONGEST_DURATION_S, LONGEST_LIFETIME

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_TAPPLUS = "http://esa.int/xml/EsaTapPlus"
_VOSI = "http://www.ivoa.net/xml/VOSI{0}/v1.0"
_VS = 'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"'

_GEOMETRY = tuple(sorted({*GEOMETRY_FUNCTIONS, *SHAPES}))
_FEATURES: Sequence[tuple[str, Sequence[str]]] = (
    ("adqlgeo", _GEOMETRY),
    ("adql-string", ("LOWER", "UPPER", "ILIKE")),
    ("adql-sets", ("UNION", "EXCEPT", "INTERSECT")),
    ("adql-common-table", ("WITH",)),
    ("adql-type", ("CAST",)),
    ("adql-unit", ("IN_UNIT",)),
    ("adql-offset", ("OFFSET",)),
)
_OUTPUT_IDS = {
    "BINARY2": "output-votable-binary2",
    "BINARY": "output-votable-binary",
    "TABLEDATA": "output-votable-td",
}


def capabilities_document(base: str) -> str:
    """Return /capabilities of the TAP service at `base`."""
    simple = "".join(
        f'<capability standardID="ivo://ivoa.net/std/{standard}">\n'
        f'<interface xsi:type="vs:ParamHTTP"{role}>\n'
        f'<accessURL use="full">{escape(base)}/{name}</accessURL>\n</interface>\n</capability>\n'
        for standard, name, role in (
            ("VOSI#capabilities", "capabilities", ""),
            ("VOSI#availability", "availability", ""),
            ("VOSI#tables-1.1", "tables", ' version="1.1"'),
            ("DALI#examples", "examples", ""),
        )
    )
    return (
        f'{XML}<vosi:capabilities xmlns:vosi="{_VOSI.format("Capabilities")}" {_XSI} {_VS} '
        'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
        f'xsi:schemaLocation="{_VOSI.format("Capabilities")} {_VOSI.format("Capabilities")} '
        "http://www.ivoa.net/xml/VODataService/v1.1 http://www.ivoa.net/xml/VODataService/v1.1 "
        'http://www.ivoa.net/xml/TAPRegExt/v1.0 http://www.ivoa.net/xml/TAPRegExt/v1.0">\n'
        f"{write_tap_capability(base)}{simple}</vosi:capabilities>\n"
    )


def write_tap_capability(base: str) -> str:
    """Return the capability of TAP itself, for /capabilities and the registry record."""
    features = [_language_features("udf", ((f.signature, f.description) for f in FUNCTIONS.values()))]
    features += [_language_features(kind, ((name, "") for name in names)) for kind, names in _FEATURES]
    return (
        '<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">\n'
        '<interface xsi:type="vs:ParamHTTP" role="std" version="1.1">\n'
        f'<accessURL use="base">{escape(base)}</accessURL>\n'
        "</interface>\n"
        '<dataModel ivo-id="ivo://ivoa.net/std/ObsCore#core-1.1">ObsCore-1.1</dataModel>\n'
        "<language>\n<name>ADQL</name>\n"
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>\n'
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.1">2.1</version>\n'
        f"<description>Astronomical Data Query Language</description>\n{''.join(features)}</language>\n"
        f"{''.join(_output_format(form) for form in FORMATS)}"
        '<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>\n'
        '<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-http"/>\n'
        f"<retentionPeriod>\n<default>{_seconds(DEFAULT_LIFETIME)}</default>\n<hard>{_seconds(LONGEST_LIFETIME)}</hard>\n"
        "</retentionPeriod>\n"
        f"<executionDuration>\n<default>{DEFAULT_DURATION_S}</default>\n<hard>{LONGEST_DURATION_S}</hard>\n"
        f'</executionDuration>\n<outputLimit>\n<default unit="row">{DEFAULT_MAXREC}</default>\n'
        f'<hard unit="row">{HARD_MAXREC}</hard>\n</outputLimit>\n'
        f'<uploadLimit>\n<default unit="byte">{MOST_UPLOAD_BYTES}</default>\n'
        f'<hard unit="byte">{MOST_UPLOAD_BYTES}</hard>\n</uploadLimit>\n'
        "</capability>\n"
    )


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())


def _language_features(kind: str, features: Iterable[tuple[str, str]]) -> str:
    written = "".join(
        f"<feature>\n<form>{escape(form)}</form>\n"
        + (f"<description>{escape(description)}</description>\n" if description else "")
        + "</feature>\n"
        for form, description in features
    )
    return f'<languageFeatures type="ivo://ivoa.net/std/TAPRegExt#features-{kind}">\n{written}</languageFeatures>\n'


def _output_format(form: ResultFormat) -> str:
    ivo_id = _OUTPUT_IDS.get(form.writer)
    attribute = f' ivo-id="ivo://ivoa.net/std/TAPRegExt#{ivo_id}"' if ivo_id else ""
    aliases = "".join(f"<alias>{escape(alias)}</alias>\n" for alias in form.aliases)
    return f"<outputFormat{attribute}>\n<mime>{escape(form.media_type)}</mime>\n{aliases}</outputFormat>\n"


def availability_document(*, available: bool, notes: Sequence[str] = ()) -> str:
    """Return /availability (VOSI 1.1 section 2.3: any number of notes)."""
    written = "".join(f"<vosi:note>{escape(note)}</vosi:note>\n" for note in notes)
    name = _VOSI.format("Availability")
    return (
        f'{XML}<vosi:availability xmlns:vosi="{name}" {_XSI} xsi:schemaLocation="{name} {name}">\n'
        f"<vosi:available>{str(available).lower()}</vosi:available>\n{written}</vosi:availability>\n"
    )


def tables_document(tables: Mapping[str, Table], *, columns: bool = True) -> str:
    """Return /tables; without columns for detail=min."""
    name = _VOSI.format("Tables")
    return (
        f'{XML}<vosi:tableset xmlns:vosi="{name}" {_XSI} {_VS} xsi:schemaLocation="{name} {name} '
        'http://www.ivoa.net/xml/VODataService/v1.1 http://www.ivoa.net/xml/VODataService/v1.1" '
        f'xsi:type="vs:TableSet">\n{write_schemas(tables, columns=columns)}</vosi:tableset>\n'
    )


def add_tapplus_flags(document: str) -> str:
    """Give every column of /tables the attribute that ESA's TapPlus clients cannot do without.

    It is kept from all others: no schema that a validator has knows its namespace.
    """
    declared = document.replace("<vosi:tableset ", f'<vosi:tableset xmlns:esatapplus="{_TAPPLUS}" ', 1)
    return declared.replace("<column std=", '<column esatapplus:flags="0" std=')


def write_schemas(tables: Mapping[str, Table], *, columns: bool = True) -> str:
    """Return the schemas of a table set with their tables; without columns for detail=min."""
    return "".join(
        f"<schema>\n<name>{schema}</name>\n<description>{escape(description)}</description>\n"
        + "".join(_table(table, columns=columns) for table in tables.values() if table.schema == schema)
        + "</schema>\n"
        for schema, description in SCHEMAS.items()
        if any(table.schema == schema for table in tables.values())
    )


def table_document(table: Table) -> str:
    """Return /tables/{name}."""
    name = _VOSI.format("Tables")
    return (
        f'{XML}<vosi:table xmlns:vosi="{name}" {_XSI} {_VS} xsi:schemaLocation="{name} {name} '
        'http://www.ivoa.net/xml/VODataService/v1.1 http://www.ivoa.net/xml/VODataService/v1.1" '
        f'xsi:type="vs:Table" type="{_type(table)}">\n{_table_content(table, columns=True)}</vosi:table>\n'
    )


def _type(table: Table) -> str:
    return "view" if table.from_sql else "table"


def _table(table: Table, *, columns: bool) -> str:
    return f'<table type="{_type(table)}">\n{_table_content(table, columns=columns)}</table>\n'


def _table_content(table: Table, *, columns: bool) -> str:
    parts = [_element("name", table.name), _element("title", table.title), _element("description", table.description)]
    parts.append(_element("utype", table.utype))
    if columns:
        parts += [_column(column) for column in table.columns]
        parts += [_foreign_key(key) for key in table.keys]
    return "".join(parts)


def _element(name: str, text: str | None) -> str:
    return f"<{name}>{escape(text)}</{name}>\n" if text else ""


def _column(column: Column) -> str:
    attributes = f" arraysize={quoteattr(column.arraysize)}" if column.arraysize else ""
    attributes += f" extendedType={quoteattr(column.xtype)}" if column.xtype else ""
    flags = [name for name in ("indexed", "principal") if getattr(column, name)]
    return (
        f'<column std="{str(column.std).lower()}">\n'
        + _element("name", column_name(column.name))
        + _element("description", column.description)
        + _element("unit", column.unit)
        + _element("ucd", column.ucd)
        + _element("utype", column.utype)
        + f'<dataType xsi:type="vs:VOTableType"{attributes}>{column.datatype}</dataType>\n'
        + "".join(f"<flag>{flag}</flag>\n" for flag in flags)
        + "</column>\n"
    )


def column_name(name: str) -> str:
    """Return the name as queries must write it: a reserved word is delimited (TAP 1.1 section 4.3)."""
    return f'"{name}"' if name.upper() in RESERVED_WORDS else name


def _foreign_key(key: Key) -> str:
    pairs = "".join(
        f"<fkColumn>\n<fromColumn>{escape(own)}</fromColumn>\n<targetColumn>{escape(target)}</targetColumn>\n</fkColumn>\n"
        for own, target in key.columns
    )
    target = f"<targetTable>{escape(key.target)}</targetTable>\n"
    return f"<foreignKey>\n{target}{pairs}{_element('description', key.description)}</foreignKey>\n"
