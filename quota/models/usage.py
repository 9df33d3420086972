"""What windows were used for: the ledger rolled up by its own trigger."""

from django.db import models

from accounts.models import User
from quota.models.owned import Owned, OwnedKey
from quota.models.windows import LedgerEntry, QuotaWindow, ScanReason


class UsageBin(Owned):
    """The ledger entries of one window, kind and reason in a quarter of an hour.

    Written by a trigger of the ledger alone, in the entry's own transaction, so that
    no writer can forget it. Days of every time zone are whole numbers of quarters.
    """

    window = OwnedKey(QuotaWindow, models.PROTECT, related_name="bins")
    starts_at = models.DateTimeField()
    kind = models.CharField(max_length=7, choices=LedgerEntry.Kind)
    reason = models.CharField(max_length=6, blank=True, choices=ScanReason)
    tenths = models.BigIntegerField()
    entries = models.PositiveIntegerField()
    first_entry = models.BigIntegerField()
    last_entry = models.BigIntegerField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "starts_at",
                "window",
                "kind",
                "reason",
                name="usage_bin_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "window", "kind"], name="bin_of_window")
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.kind} {self.tenths} tenths"


class LedgerBatch(Owned):
    """The entries of one task, window, kind and reason in a quarter of an hour: one
    line of *Usage and ledger*, which opens to its entries.

    Written as the bins are. ``first_entry`` never changes and orders the list;
    ``free_after_tenths`` is the window's free quota after the last of its entries. An
    entry without a task, such as a grant, is a line of its own.
    """

    window = OwnedKey(QuotaWindow, models.PROTECT, related_name="batches")
    task = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=7, choices=LedgerEntry.Kind)
    reason = models.CharField(max_length=6, blank=True, choices=ScanReason)
    by = models.ForeignKey(
        User, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    source = models.CharField(max_length=10, blank=True)
    starts_at = models.DateTimeField()
    created_at = models.DateTimeField()
    tenths = models.BigIntegerField()
    entries = models.PositiveIntegerField()
    first_entry = models.BigIntegerField()
    last_entry = models.BigIntegerField()
    free_after_tenths = models.PositiveIntegerField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                fields=["account", "task", "window", "kind", "reason", "starts_at"],
                nulls_distinct=False,
                name="ledger_batch_once",
            ),
            models.UniqueConstraint(
                "account", "first_entry", name="ledger_batch_begins_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "window", "first_entry"], name="batch_of_window"
            ),
            models.Index(
                fields=["account", "kind", "reason", "first_entry"],
                name="batch_of_kind",
            ),
            models.Index(
                fields=["account", "by", "first_entry"], name="batch_of_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.tenths} tenths, {self.entries} entries"


class NameUsage(Owned):
    """What images of one name took from a window: used quota alone, by the name that
    the image had in the list of its task when its scan ended.

    Written by the ledger's trigger. It names images, and so goes with them.
    """

    window = OwnedKey(QuotaWindow, models.PROTECT, related_name="names")
    source = models.CharField(max_length=10, blank=True)
    name = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=6, choices=ScanReason)
    tenths = models.BigIntegerField()
    scans = models.PositiveIntegerField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "window",
                "source",
                "name",
                "reason",
                name="name_usage_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.tenths} tenths"
