"""Products are found by their science window and epoch through an index."""

from django.db import migrations, models
from django.db.models.fields.json import KT


class Migration(migrations.Migration):
    dependencies = [("archive", "0008_search_pages")]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(KT("metadata__scw_id"), name="archive_product_scw_id"),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["epoch"], name="archive_product_epoch"),
        ),
    ]
