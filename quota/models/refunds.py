"""Requests for a refund, and the append-only history of each."""

from django.db import models
from django.db.models import F, Q

from accounts.fields import MoneyField
from accounts.models import User
from quota.models.orders import Order, OrderLine
from quota.models.owned import Owned, OwnedKey
from quota.models.subscriptions import QuotaPack, Subscription
from quota.rules.refunds import OPEN, Computation, RefundState

STATES = {
    RefundState.REQUESTED: "In review",
    RefundState.AWAITING_SECOND: "Awaiting a second person",
    RefundState.CLOSING: "Closing",
    RefundState.APPROVED: "Approved",
    RefundState.REJECTED: "Not approved",
    RefundState.WITHDRAWN: "Withdrawn",
}
UNDECIDED = Q(approved_by=None, approved_at=None, amount=None)
DECIDED = Q(approved_by__isnull=False, approved_at__isnull=False, amount__isnull=False)


class RefundRequest(Owned):
    """One request to pay back a pack, or Professional Edition (rules 8).

    ``computation`` is what it came to when it was asked for, frozen. ``key`` is the
    press that asked: a second press finds this row. What is decided about it carries
    a signature and an instant; the constraints say which state needs which.
    """

    class Reason(models.TextChoices):
        MOVING = "moving", "Moving to another scanner"
        TOO_MUCH = "too_much", "Bought more than needed"
        MISTAKE = "mistake", "Bought by mistake"
        PROBLEM = "problem", "Something does not work"
        OTHER = "other", "Something else"

    class Holds(models.TextChoices):
        STOP = "stop", "Stop them now"
        WAIT = "wait", "Wait until they end"

    key = models.UUIDField()
    kind = models.CharField(max_length=10, choices=OrderLine.Kind)
    order = OwnedKey(Order, models.PROTECT, related_name="refund_requests")
    pack = OwnedKey(
        QuotaPack, models.PROTECT, null=True, related_name="refund_requests"
    )
    subscription = OwnedKey(
        Subscription, models.PROTECT, null=True, related_name="refund_requests"
    )
    reason = models.CharField(max_length=10, choices=Reason)
    note = models.CharField(max_length=500, blank=True)
    computation = models.JSONField()
    estimate = MoneyField()
    state = models.CharField(
        max_length=16, choices=list(STATES.items()), default=RefundState.REQUESTED
    )
    requested_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    assigned_to = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    amount = MoneyField(null=True)
    as_computed = models.BooleanField(default=True)
    holds = models.CharField(max_length=4, choices=Holds, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    confirmed_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    ended_at = models.DateTimeField(null=True)
    refund_order = OwnedKey(Order, models.PROTECT, null=True, related_name="+")

    class Meta(Owned.Meta):
        permissions = [
            ("process_refund", "Can decide refunds"),
            ("confirm_large_refund", "Can confirm large refunds as second person"),
            ("override_refund", "Can approve a refund after Professional Edition ends"),
        ]
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "key", name="refund_once_per_key"),
            models.UniqueConstraint(
                "account",
                "pack",
                condition=Q(state__in=[*OPEN, RefundState.APPROVED]),
                name="refund_one_open_or_approved_per_pack",
            ),
            models.UniqueConstraint(
                "account",
                "subscription",
                condition=Q(state__in=[*OPEN, RefundState.APPROVED]),
                name="refund_one_open_or_approved_per_subscription",
            ),
            models.CheckConstraint(
                name="refund_is_of_one_thing",
                condition=Q(kind="pack", pack__isnull=False, subscription=None)
                | Q(kind="edition", pack=None, subscription__isnull=False),
            ),
            models.CheckConstraint(
                name="refund_state_carries_its_signatures",
                condition=(
                    Q(state="requested", confirmed_by=None, ended_at=None) & UNDECIDED
                )
                | (
                    Q(state="awaiting_second", confirmed_by=None, ended_at=None)
                    & DECIDED
                )
                | (Q(state="closing", ended_at=None) & DECIDED)
                | (
                    Q(
                        state="approved",
                        ended_at__isnull=False,
                        refund_order__isnull=False,
                    )
                    & DECIDED
                )
                | Q(
                    state__in=["rejected", "withdrawn"],
                    ended_by__isnull=False,
                    ended_at__isnull=False,
                    refund_order=None,
                ),
            ),
            models.CheckConstraint(
                name="refund_signatures_are_dated",
                condition=(
                    Q(confirmed_by=None, confirmed_at=None)
                    | Q(confirmed_by__isnull=False, confirmed_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="refund_never_decided_by_who_asked",
                condition=(Q(approved_by=None) | ~Q(approved_by=F("requested_by")))
                & (Q(confirmed_by=None) | ~Q(confirmed_by=F("requested_by")))
                & (~Q(state="rejected") | ~Q(ended_by=F("requested_by"))),
            ),
            models.CheckConstraint(
                name="refund_second_person_is_another",
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("approved_by")),
            ),
            models.CheckConstraint(
                name="refund_amount_positive",
                condition=Q(amount=None) | Q(amount__gt=0),
            ),
            models.CheckConstraint(
                name="refund_other_amount_or_no_is_explained",
                condition=(Q(as_computed=True) | ~Q(answer=""))
                & (~Q(state="rejected") | ~Q(answer="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"],
                name="refund_queue",
                condition=Q(state__in=OPEN),
            ),
            models.Index(fields=["account", "requested_at"], name="refund_by_account"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The number as people quote it."""
        return f"R-{self.pk}"

    @property
    def thing(self) -> str:
        """What it is about, in words that follow "of"."""
        return f"the purchase of {self.pack}" if self.pack else "Professional Edition"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided or carried out."""
        return self.state in OPEN

    @property
    def at_request(self) -> Computation:
        """What it came to when it was asked for."""
        return Computation.from_plain(self.computation)


class RefundEvent(Owned):
    """One step of a request's history: who, when, from where, old and new state."""

    class Act(models.TextChoices):
        REQUESTED = "requested", "Sent"
        ASSIGNED = "assigned", "Assigned"
        APPROVED = "approved", "Approved"
        CONFIRMED = "confirmed", "Confirmed"
        WAITING = "waiting", "Waiting for running scans"
        PAID = "paid", "Paid to balance"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    refund = OwnedKey(RefundRequest, models.PROTECT, related_name="events")
    act = models.CharField(max_length=10, choices=Act)
    state_before = models.CharField(max_length=16, blank=True)
    state_after = models.CharField(max_length=16)
    amount = MoneyField(null=True)
    words = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()

    class Meta(Owned.Meta):
        indexes = [
            models.Index(fields=["account", "refund", "id"], name="event_of_refund")
        ]

    def __str__(self) -> str:
        return self.get_act_display()
