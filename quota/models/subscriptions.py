"""Professional Edition: the contract and its paid terms, and the packs of quota."""

from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Max, Q, Value

from accounts.models import validate_zone
from quota.models.orders import Order
from quota.models.owned import Owned, OwnedKey
from quota.models.tariffs import Tariff
from quota.rules.lifecycle import DELETION, SubscriptionState, subscription_state


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Subscriptions by what the clock says of them."""

    def current(self, account_id: int, now: datetime) -> "Subscription | None":
        """Return the account's subscription unless it is terminated at ``now``, or was
        refunded: then it can only be bought anew."""
        alive = self.ended_after(account_id, now - DELETION)
        return alive.filter(refunded_at=None).first()

    def refunded(self, account_id: int, now: datetime) -> "Subscription | None":
        """Return the refunded subscription whose data is not yet deleted at ``now``."""
        alive = self.ended_after(account_id, now - DELETION)
        return alive.filter(refunded_at__isnull=False).first()

    def ended_after(self, account_id: int, instant: datetime) -> Self:
        """The account's subscriptions that end after ``instant``, newest first."""
        return self.filter(account=account_id, ends_at__gt=instant).order_by("-anchor")

    def terminated(self, now: datetime) -> Self:
        """Those that are terminated at ``now``, whatever was done about it."""
        return self.filter(ends_at__lte=now - DELETION)


class Subscription(Owned):
    """An account's contract for Professional Edition; ``ends_at`` is E (rules 1).

    ``auto_renew_tried_at`` is when auto-renewal was switched on or last tried: what was
    due before is not made up. ``auto_renew_tried_entry`` is the last movement of the
    balance that was known then: a later one may be dated before. ``terminated_at`` is
    written by whoever acts on the termination first, never before it;
    ``data_deleted_at`` when nothing is left.
    A refunded one ends at the instant of approval and is never renewed; bought anew
    before its data is deleted, the history of scans goes on from ``history_since``
    (rules 8.7).
    """

    anchor = models.DateTimeField()
    zone = models.CharField(max_length=64, validators=[validate_zone])
    cores = models.PositiveIntegerField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    auto_renew = models.BooleanField(default=False)
    auto_renew_tried_at = models.DateTimeField(null=True, blank=True)
    auto_renew_tried_entry = models.BigIntegerField(default=0, db_default=0)
    terminated_at = models.DateTimeField(null=True, blank=True)
    data_deleted_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    history_since = models.DateTimeField(null=True, blank=True)

    objects = SubscriptionQuerySet.as_manager()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.CheckConstraint(
                name="subscription_ends_after_it_begins",
                condition=Q(ends_at__gt=F("anchor")),
            ),
            models.CheckConstraint(
                name="subscription_refunded_ends_when_it_was",
                condition=Q(refunded_at=None) | Q(ends_at__lte=F("refunded_at")),
            ),
            models.CheckConstraint(
                name="subscription_has_cores", condition=Q(cores__gte=1)
            ),
            models.CheckConstraint(
                name="subscription_never_terminated_early",
                condition=Q(terminated_at=None)
                | Q(terminated_at__gte=F("ends_at") + Value(DELETION)),
            ),
            models.CheckConstraint(
                name="subscription_data_never_deleted_before_termination",
                condition=Q(data_deleted_at=None) | Q(terminated_at__isnull=False),
            ),
            ExclusionConstraint(
                name="subscription_never_two_at_once",
                expressions=[
                    ("account", RangeOperators.EQUAL),
                    (Func("anchor", "ends_at", function="tstzrange"), "&&"),
                ],
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="subscription_by_end"),
        ]

    def __str__(self) -> str:
        return f"Professional Edition until {self.ends_at:%Y-%m-%d %H:%M} UTC"

    @property
    def history(self) -> datetime:
        """Since when results count as history (rules 5.2, 6, 8.7)."""
        return self.history_since or self.anchor

    def state(self, now: datetime) -> SubscriptionState:
        """The state that follows from the clock (rules 6)."""
        return subscription_state(self.ends_at, now)

    @property
    def zone_info(self) -> ZoneInfo:
        """The time zone frozen when it was bought (rules 3.2)."""
        return ZoneInfo(self.zone)


class Term(Owned):
    """One paid stretch of a subscription, half-open."""

    subscription = OwnedKey(Subscription, models.PROTECT, related_name="terms")
    order = OwnedKey(Order, models.PROTECT)
    tariff = models.ForeignKey(Tariff, models.PROTECT, db_index=False)
    number = models.PositiveSmallIntegerField()
    months = models.PositiveSmallIntegerField()
    cores = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "subscription", "number", name="term_charged_once"
            ),
            models.CheckConstraint(
                name="term_months_allowed", condition=Q(months__range=(1, 36))
            ),
            ExclusionConstraint(
                name="term_never_overlaps",
                expressions=[
                    ("account", RangeOperators.EQUAL),
                    ("subscription", RangeOperators.EQUAL),
                    (Func("starts_at", "ends_at", function="tstzrange"), "&&"),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"Term {self.number}"


class QuotaPack(Owned):
    """Image-scan quota bought once: a monthly quantity with its own anchor.

    Nothing is held in a frozen pack (a refund is being carried out) or a closed one
    (refunded); a dropped pack is never renewed again. ``left_out_at`` is when a renewal
    last left it out, because its refund was being asked for: it is renewed again if
    its last month is not over by the next one (rules 4.5).
    """

    subscription = OwnedKey(Subscription, models.PROTECT, related_name="packs")
    order = OwnedKey(Order, models.PROTECT, related_name="packs")
    tariff = models.ForeignKey(Tariff, models.PROTECT, db_index=False)
    quantity = models.PositiveIntegerField()
    anchor = models.DateTimeField()
    zone = models.CharField(max_length=64, validators=[validate_zone])
    frozen_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)
    left_out_at = models.DateTimeField(null=True, blank=True)

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.CheckConstraint(
                name="pack_dropped_is_not_left_out",
                condition=Q(dropped_at=None) | Q(left_out_at=None),
            ),
            models.CheckConstraint(
                name="pack_quantity_positive", condition=Q(quantity__gte=1)
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "subscription"], name="pack_by_subscription"
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity:,} scans a month"

    def left_out_until(self) -> datetime | None:
        """Where its months end before Professional Edition does, because a renewal left
        it out; None otherwise. Two queries where one did."""
        if self.left_out_at is None:
            return None
        mine = self.windows.filter(account=self.account_id)
        end: datetime = mine.aggregate(end=Max("ends_at"))["end"]
        return end if end < self.subscription.ends_at else None
