"""What an image is called in registries, and the indexes of that list."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("quota", "0007_lines_name_their_packs"),
    ]

    operations = [
        migrations.AddField(
            model_name="image",
            name="is_repository",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="image",
            name="repository",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="image",
            name="repository_search",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="image",
            name="repository_tag",
            field=models.CharField(blank=True, max_length=128),
        ),
        migrations.AddField(
            model_name="image",
            name="repository_tags",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("repository"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_repository",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("risk"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_risk",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("active_at"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_active",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("outcome"),
                models.F("repository"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_o_repository",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("outcome"),
                models.F("risk"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_o_risk",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("outcome"),
                models.F("active_at"),
                models.F("id"),
                condition=models.Q(("is_repository", True)),
                name="image_r_o_active",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("account"),
                django.contrib.postgres.indexes.OpClass(
                    models.F("repository_search"), name="gin_trgm_ops"
                ),
                condition=models.Q(("is_repository", True)),
                name="image_r_search",
            ),
        ),
    ]
