"""What was bought, renewed or refunded, line by line."""

from django.db import models
from django.db.models import Max

from accounts.fields import MoneyField
from accounts.models import User
from quota.models.owned import Owned, OwnedKey


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders, and the running number of the next one."""

    def last_number(self, account_id: int) -> int:
        """Return the number of the account's latest order, 0 when there is none."""
        last = self.filter(account=account_id).aggregate(last=Max("number"))["last"]
        return last or 0


class Order(Owned):
    """One purchase, renewal or refund; written once, together with its payment.

    ``key`` is the press that made it: a second press with the same key finds this row.
    ``invoiced_at`` is when its invoice or credit notes were made, by a job.
    """

    class Kind(models.TextChoices):
        PURCHASE = "purchase", "Purchase"
        RENEWAL = "renewal", "Renewal"
        REFUND = "refund", "Refund"

    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.UUIDField()
    asked = models.JSONField()
    total = MoneyField()
    currency = models.CharField(max_length=3)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField()
    invoiced_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "number", name="order_numbered_once"),
            models.UniqueConstraint("account", "key", name="order_once_per_key"),
            models.CheckConstraint(
                name="order_total_positive", condition=models.Q(total__gt=0)
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at", "id"],
                name="order_to_invoice",
                condition=models.Q(invoiced_at=None),
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The number as people quote it: date and running number of the account."""
        return f"{self.created_at:%y%m%d}-{self.number:04}"


class OrderLine(Owned):
    """One thing of an order, with its amount and the formula in words. A line about
    quota names its pack; a line of a refund the order that it credits."""

    class Kind(models.TextChoices):
        EDITION = "edition", "Professional Edition"
        PACK = "pack", "Image scan quota"

    order = OwnedKey(Order, models.PROTECT, related_name="lines")
    pack = OwnedKey("QuotaPack", models.PROTECT, null=True, related_name="order_lines")
    credited = OwnedKey(Order, models.PROTECT, null=True, related_name="credit_lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=6)
    periods = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    amount = MoneyField()
    formula = models.CharField(max_length=200)

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "order", "position", name="order_line_position_once"
            ),
            models.CheckConstraint(
                name="order_line_of_a_pack_names_it",
                condition=models.Q(kind="edition", pack=None)
                | models.Q(kind="pack", pack__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "pack"],
                name="order_line_of_pack",
                condition=models.Q(pack__isnull=False),
            ),
            models.Index(
                fields=["account", "credited"],
                name="order_line_of_credited",
                condition=models.Q(credited__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.formula
