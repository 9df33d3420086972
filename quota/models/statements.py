"""What the statement of a closed month came to, kept when it closed."""

from django.db import models
from django.db.models import Q

from quota.models.owned import Owned, OwnedKey
from quota.models.windows import QuotaWindow


class StatementSeal(Owned):
    """The hashes of a closed month's statement. Never changed; a sealed month takes no
    more entries, which the ledger's trigger refuses."""

    window = OwnedKey(QuotaWindow, models.PROTECT, related_name="seals")
    entries = models.BigIntegerField()
    head = models.CharField(max_length=64)
    tail = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "window", name="month_sealed_once"),
            models.CheckConstraint(
                name="seal_is_two_hashes",
                condition=Q(
                    head__regex=r"^[0-9a-f]{64}$", tail__regex=r"^[0-9a-f]{64}$"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"Seal of window {self.window_id}"
