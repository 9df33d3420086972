"""A search may walk far along a list: the words stand in the index of the list."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_staff_see_customers"),
        ("quota", "0032_finding_groups_are_known"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="image",
            name="image_name",
        ),
        migrations.RemoveIndex(
            model_name="image",
            name="image_containers",
        ),
        migrations.RemoveIndex(
            model_name="image",
            name="image_risk",
        ),
        migrations.RemoveIndex(
            model_name="image",
            name="image_active",
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("name"),
                models.F("id"),
                condition=models.Q(("is_local", True)),
                include=("search",),
                name="image_name",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("containers"),
                models.F("id"),
                condition=models.Q(("is_local", True)),
                include=("search",),
                name="image_containers",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("risk"),
                models.F("id"),
                condition=models.Q(("is_local", True)),
                include=("search",),
                name="image_risk",
            ),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                models.F("account"),
                models.F("active_at"),
                models.F("id"),
                condition=models.Q(("is_local", True)),
                include=("search",),
                name="image_active",
            ),
        ),
    ]
