"""No hold, settlement, release, grant or refund of nothing; a window that was used up
lapses with nothing left, once."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """A check for every entry from here on; the next migration looks at the others."""

    dependencies = [("quota", "0045_windows_know_that_they_are_shut")]
    operations = [
        AddConstraintNotValid(
            "ledgerentry",
            models.CheckConstraint(
                name="ledger_entry_moves_something",
                condition=models.Q(tenths__gte=1) | models.Q(kind="lapse", scan=None),
            ),
        ),
    ]
