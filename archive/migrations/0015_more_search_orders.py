"""Every order of the search page of products has an index; the longest spectra of a source are found in one."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0014_related_products'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='product',
            name='archive_product_source_time',
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['source_id', 'kind', 'tstart_mjd_tt', 'product_id'], include=('exposure_s', 'release_from', 'release_to'), name='archive_product_source_time'),
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['tstop_mjd_tt', 'product_id'], name='archive_product_by_stop'),
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['energy_max_kev', 'product_id'], name='archive_product_by_top'),
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['band', 'product_id'], name='archive_product_by_band'),
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['simulated', 'product_id'], name='archive_product_simulated'),
        ),
    ]
