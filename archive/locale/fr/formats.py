"""Numbers on French pages: with a point, as in the tables and files that the pages give."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = "\u202f"
NUMBER_GROUPING = 3
