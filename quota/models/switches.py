"""Who switched auto-renewal, and when: append-only."""

from django.db import models

from accounts.models import User
from quota.models.owned import Owned, OwnedKey
from quota.models.subscriptions import Subscription


class AutoRenewSwitch(Owned):
    """One turn of the switch of a subscription; the subscription says where it stands
    now."""

    subscription = OwnedKey(Subscription, models.PROTECT, related_name="switches")
    is_on = models.BooleanField()
    by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta(Owned.Meta):
        verbose_name_plural = "auto-renew switches"
        indexes = [
            models.Index(
                fields=["account", "subscription", "-id"], name="switch_of_subscription"
            )
        ]

    def __str__(self) -> str:
        return "Switched on" if self.is_on else "Switched off"
