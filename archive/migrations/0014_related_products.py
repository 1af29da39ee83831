"""DataLink finds and counts related products in indexes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("archive", "0013_images_by_position")]

    operations = [
        migrations.RemoveIndex(model_name="product", name="archive_product_epoch"),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                fields=["epoch", "source_id", "kind", "instrument", "product_id"],
                include=("release_from", "release_to"),
                name="archive_product_of_epoch",
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("kind", "long_timeseries"), ("metadata__inputs__0__isnull", False)),
                fields=["source_id"],
                name="archive_product_with_inputs",
            ),
        ),
        # Without them PostgreSQL takes every series to have inputs, and reads them all instead of that index.
        migrations.RunSQL(
            "CREATE STATISTICS archive_product_inputs ON (metadata #> '{inputs,0}') FROM archive_product",
            "DROP STATISTICS archive_product_inputs",
        ),
        migrations.RunSQL("ANALYZE archive_product", migrations.RunSQL.noop),
    ]
