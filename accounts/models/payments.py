"""How money comes in: top-ups asked for, bank transfers recorded, events of providers,
and corrections by hand."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from accounts.fields import MoneyField
from accounts.models.people import Account, User
from accounts.payments.references import creditor_reference


class TopUp(models.Model):
    """A member's request to add money; it becomes money when it is paid, once.

    ``key`` is the press that asked for it: a second press finds this row, and the
    payment provider is given the same key. ``session`` is the provider's page,
    ``payment`` the provider's payment.
    """

    class Method(models.TextChoices):
        BANK = "bank", "Bank transfer"
        STRIPE = "stripe", "Card or other method"

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        OPEN = "open", "Waiting for the payment"
        PAID = "paid", "Paid"
        EXPIRED = "expired", "Expired"
        FAILED = "failed", "Declined"

    account = models.ForeignKey(
        Account, models.PROTECT, related_name="top_ups", db_index=False
    )
    key = models.UUIDField()
    method = models.CharField(max_length=6, choices=Method)
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    amount = MoneyField()
    currency = models.CharField(max_length=3)
    session = models.CharField(max_length=255, blank=True)
    page = models.CharField(max_length=2000, blank=True)
    payment = models.CharField(max_length=255, blank=True)
    reversed_amount = MoneyField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "top-up"
        constraints = [
            models.UniqueConstraint("account", "id", name="top_up_by_account"),
            models.UniqueConstraint("account", "key", name="top_up_once_per_key"),
            models.UniqueConstraint(
                "account",
                "payment",
                condition=~Q(payment=""),
                name="top_up_once_per_payment",
            ),
            models.CheckConstraint(
                name="top_up_amount_positive", condition=Q(amount__gt=0)
            ),
            models.CheckConstraint(
                name="top_up_payment_is_dated",
                condition=Q(state="paid", paid_at__isnull=False)
                | (~Q(state="paid") & Q(paid_at=None)),
            ),
            models.CheckConstraint(
                name="top_up_never_reversed_beyond_what_was_paid",
                condition=Q(reversed_amount__gte=0)
                & (
                    Q(reversed_amount=0)
                    | Q(state="paid", reversed_amount__lte=F("amount"))
                ),
            ),
        ]
        indexes = [
            # A provider's event knows its payment, not our account.
            models.Index(
                fields=["payment"], name="top_up_by_payment", condition=~Q(payment="")
            ),
            models.Index(
                fields=["created_at"],
                name="top_up_to_ask_about",
                condition=Q(method="stripe", state__in=["requested", "open"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} of {self.amount}"

    @property
    def reference(self) -> str:
        """What the customer writes on a bank transfer."""
        return creditor_reference(self.pk)


class BankTransfer(models.Model):
    """Money that reached the bank, recorded by staff: a line of the bank statement.

    One bank reference is recorded once, whichever account it is given to; only after
    it was reversed can it be recorded again.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    amount = MoneyField()
    bank_reference = models.CharField(max_length=80)
    value_on = models.DateField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("record_top_up", "Can record bank transfers as top-ups"),
            ("reverse_top_up", "Can take back wrong top-ups"),
        ]
        constraints = [
            models.UniqueConstraint(
                "bank_reference",
                condition=Q(reversed_at=None),
                name="bank_transfer_recorded_once",
            ),
            models.CheckConstraint(
                name="bank_transfer_amount_positive", condition=Q(amount__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return self.bank_reference


class Adjustment(models.Model):
    """A correction of a balance by staff, above a limit by two of them."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a second person"
        BOOKED = "booked", "Booked"
        DECLINED = "declined", "Declined"

    account = models.ForeignKey(
        Account, models.PROTECT, related_name="adjustments", db_index=False
    )
    key = models.UUIDField()
    amount = MoneyField()
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    needs_second = models.BooleanField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("adjust_balance", "Can adjust balances"),
            ("confirm_adjustment", "Can confirm adjustments as second person"),
        ]
        constraints = [
            models.UniqueConstraint("account", "id", name="adjustment_by_account"),
            models.UniqueConstraint("account", "key", name="adjustment_once_per_key"),
            models.CheckConstraint(
                name="adjustment_moves_something_and_says_why",
                condition=~Q(amount=0) & ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="adjustment_decision_is_dated_and_signed",
                condition=Q(state="waiting", decided_by=None, decided_at=None)
                | (
                    ~Q(state="waiting")
                    & Q(decided_by__isnull=False, decided_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="adjustment_second_person_is_another",
                condition=Q(needs_second=False)
                | ~Q(state="booked")
                | ~Q(decided_by=F("asked_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"Adjustment of {self.amount}"


class PaymentEvent(models.Model):
    """What a payment provider told us, once per event; kept until it can be booked.

    A refund may be told before the payment it refunds: it waits here.
    """

    provider = models.CharField(max_length=6)
    event = models.CharField(max_length=255)
    kind = models.CharField(max_length=80)
    effect = models.CharField(max_length=8)
    thing = models.CharField(max_length=255)
    top_up = models.CharField(max_length=255, blank=True)
    session = models.CharField(max_length=255, blank=True)
    payment = models.CharField(max_length=255, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=4, default=Decimal(0))
    currency = models.CharField(max_length=3, blank=True)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "provider", "event", name="payment_event_received_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["payment"],
                name="payment_event_waiting",
                condition=Q(handled_at=None),
            ),
            models.Index(fields=["thing"], name="payment_event_by_thing"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event}"
