from django.db import migrations, models

KINDS = [
    ("mosaic", "Mosaic"),
    ("spectrum", "Spectrum"),
    ("long_timeseries", "Long Timeseries"),
    ("short_timeseries", "Short Timeseries"),
    ("light_curve", "Light Curve"),
    ("event_list", "Event List"),
    ("sky_map", "Sky Map"),
    ("scw_image", "Scw Image"),
    ("table", "Table"),
]


class Migration(migrations.Migration):
    dependencies = [("archive", "0005_usage")]

    operations = [
        migrations.AlterField(
            model_name="product", name="kind", field=models.CharField(choices=KINDS, max_length=16)
        ),
        migrations.AddField(
            model_name="delivery",
            name="kind",
            field=models.CharField(
                choices=[("team", "Team"), ("community", "Community"), ("archive", "Archive")],
                default="team",
                help_text="who answers for it",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="completeness",
            field=models.TextField(blank=True, help_text="what it leaves out, in words; empty = not stated"),
        ),
        migrations.AddField(
            model_name="delivery", name="creators", field=models.JSONField(default=list, help_text="ORCIDs")
        ),
        migrations.AddField(
            model_name="delivery",
            name="papers",
            field=models.JSONField(default=list, help_text="DOIs, bibcodes or arXiv numbers"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="waivers",
            field=models.JSONField(default=list, help_text="rule, files, reason, by, expires"),
        ),
    ]
