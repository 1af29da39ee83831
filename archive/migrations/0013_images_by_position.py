"""Images are found without reading all products: an index of theirs alone, and statistics of the types of ObsCore.

Both name the expression of `dataproduct_type` word for word as archive/tables/ivoa.obscore.yaml has it; PostgreSQL takes
them for no other. They are written as SQL because a model cannot have statistics of an expression.
"""

from django.db import migrations

TYPE = """CASE kind WHEN 'spectrum' THEN 'spectrum' WHEN 'event_list' THEN 'event' WHEN 'mosaic' THEN 'image'
WHEN 'scw_image' THEN 'image' WHEN 'sky_map' THEN 'image' WHEN 'table' THEN 'measurements' ELSE 'timeseries' END"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0012_saved_queries")]

    operations = [
        migrations.RunSQL(
            f"CREATE INDEX archive_product_images ON archive_product (hpx) WHERE ({TYPE}) = 'image'",
            "DROP INDEX archive_product_images",
        ),
        # Without them a type counts as one row in 200, and a handful of images is read by three processes.
        migrations.RunSQL(
            f"CREATE STATISTICS archive_product_types ON ({TYPE}) FROM archive_product",
            "DROP STATISTICS archive_product_types",
        ),
        migrations.RunSQL("ANALYZE archive_product", migrations.RunSQL.noop),
    ]
