"""The tariff that is shipped (rules 2)."""

from datetime import UTC, datetime
from decimal import Decimal

from django.db import migrations


def add_first_tariff(apps, schema_editor):
    """Write the one row; a new price is a new row."""
    apps.get_model("quota", "Tariff").objects.using(
        schema_editor.connection.alias
    ).create(
        currency="USD",
        valid_from=datetime(2024, 1, 1, tzinfo=UTC),
        edition_price=Decimal("6.75"),
        quota_price=Decimal("0.06"),
        first_tenths=10,
        repeat_tenths=1,
        step=300,
        max_quantity=300_000,
    )


class Migration(migrations.Migration):
    """One row, valid before any purchase."""

    dependencies = [("quota", "0004_never_changed")]
    operations = [migrations.RunPython(add_first_tariff, migrations.RunPython.noop)]
