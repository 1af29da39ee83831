"""Example queries: shown on the ADQL page and at /tap/examples, and run by the tests."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _  # the page translates; /tap/examples stays English


@dataclass(frozen=True, slots=True)
class Example:
    """A query with what it answers; `slug` is its anchor."""

    slug: str
    title: str
    text: str
    query: str


EXAMPLES = (
    Example(
        "cone",
        _("Sources around a position"),
        _("Sources within 10 degrees of the Crab, nearest first, with their distance in degrees."),
        "SELECT TOP 100 source_id, name, ra, dec,\n"
        "       DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 83.633, 22.0145)) AS separation_deg\n"
        "FROM integral.sources\n"
        "WHERE CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 83.633, 22.0145, 10)) = 1\n"
        "ORDER BY separation_deg",
    ),
    Example(
        "name",
        _("A source by any of its names"),
        _("Every name of a source leads to its row; ILIKE in place of LIKE does not mind upper and lower case."),
        "SELECT DISTINCT s.source_id, s.name AS source_name, s.ra, s.dec\n"
        "FROM integral.sources AS s\n"
        "JOIN integral.source_names AS n USING (source_id)\n"
        "WHERE n.name LIKE '%Cyg%'\n"
        "ORDER BY source_name",
    ),
    Example(
        "products",
        _("Products by kind"),
        _("How many products of each kind the archive holds, measured and simulated apart."),
        "SELECT obs_collection, dataproduct_type, COUNT(*) AS products\n"
        "FROM ivoa.obscore\n"
        "GROUP BY obs_collection, dataproduct_type\n"
        "ORDER BY products DESC",
    ),
    Example(
        "hard-x-ray",
        _("ObsCore by energy"),
        _("Products that cover 20 keV; ObsCore gives wavelengths in metres, 20 keV is 6.2e-11 m."),
        "SELECT TOP 50 obs_id, target_name, dataproduct_type, access_url\n"
        "FROM ivoa.obscore\n"
        "WHERE 6.2e-11 BETWEEN em_min AND em_max\n"
        "ORDER BY t_min",
    ),
    Example(
        "columns",
        _("What the tables hold"),
        _("Every column with its unit, UCD and meaning, from TAP_SCHEMA."),
        "SELECT table_name, column_name, datatype, unit, ucd, description\n"
        "FROM tap_schema.columns\n"
        "WHERE table_name LIKE 'integral.%'\n"
        "ORDER BY table_name, column_index",
    ),
)
