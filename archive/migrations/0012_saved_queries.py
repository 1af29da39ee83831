"""Queries that people with an account save."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("archive", "0011_search_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedQuery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="the last part of its address", max_length=24, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("query", models.TextField()),
                (
                    "release",
                    models.CharField(blank=True, help_text="that was served when it was saved", max_length=16),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_queries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name_plural": "saved queries", "ordering": ("-created_at", "-pk")},
        ),
    ]
