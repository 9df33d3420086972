"""What windows were used for, quarter-hour by quarter-hour: the ledger rolled up."""

from django.db import models

from quota.models.owned import Owned
from quota.models.windows import LedgerEntry, QuotaWindow, ScanReason


class UsageBin(Owned):
    """The ledger entries of one window, kind and reason in a quarter of an hour.

    Written by a trigger of the ledger alone, in the entry's own transaction, so that
    no writer can forget it. Days of every time zone are whole numbers of quarters.
    """

    window = models.ForeignKey(
        QuotaWindow,
        models.PROTECT,
        related_name="bins",
        db_constraint=False,
        db_index=False,
    )
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

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.kind} {self.tenths} tenths"
