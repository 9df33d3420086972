"""Which images are further platforms of one that is there for linux/amd64 too."""

from django.db import migrations, models


def _flag(model: str, name: str) -> migrations.AddField:
    field = models.BooleanField(default=False, db_default=False)
    return migrations.AddField(model, name, field)


class Migration(migrations.Migration):
    """Columns with a default of the database's own: no table is rewritten."""

    dependencies = [("quota", "0040_sealed_months_take_no_entry")]
    operations = [
        _flag("image", "is_other_platform"),
        _flag("sighting", "is_other_platform"),
        _flag("schedule", "other_platforms"),
    ]
