"""The entries that were there before the check are looked at, and nobody waits."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """In a transaction of its own, so that the lock is one beside which all write."""

    dependencies = [("quota", "0046_entries_move_something")]
    operations = [ValidateConstraint("ledgerentry", "ledger_entry_moves_something")]
