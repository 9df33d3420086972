"""Months of quota, and the append-only ledger that explains their counters."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from accounts.models import Account, User
from quota.models.owned import Owned, OwnedKey
from quota.models.subscriptions import QuotaPack
from quota.models.tariffs import Tariff


class QuotaWindowQuerySet(models.QuerySet["QuotaWindow"]):
    """Windows by the clock, and the one way to lock them."""

    def open_at(self, account_id: int, now: datetime) -> Self:
        """The account's windows that are open at ``now``."""
        return self.filter(account=account_id)._open(now)

    def drawable_at(self, account_id: int, now: datetime) -> Self:
        """The open windows that scans may draw from: not those of a pack that is being
        refunded, or was (rules 8.5), nor those that outlive a refunded Professional
        Edition (rules 4.1)."""
        return self.open_at(account_id, now).filter(shut_at=None)

    def drawable_of(self, accounts: Iterable[Account], now: datetime) -> Self:
        """The same of several accounts."""
        return self.filter(account__in=accounts)._open(now).filter(shut_at=None)

    def _open(self, now: datetime) -> Self:
        """Half-open intervals: a window ends where the next begins."""
        return self.filter(starts_at__lte=now, ends_at__gt=now)

    def locked(self) -> list["QuotaWindow"]:
        """Lock these windows by primary key, after the account (the one lock order)."""
        return list(self.order_by("pk").select_for_update(no_key=True, of=("self",)))


class QuotaWindow(Owned):
    """One month of one pack, half-open: ``starts_at <= t < ends_at``.

    The counters are caches that the constraint guards and the ledger explains;
    ``free_tenths`` is computed by the database and can never be negative. From
    ``shut_at`` on nothing more is held in it, as its pack is being refunded or was
    (rules 8.5), or Professional Edition was.
    """

    pack = OwnedKey(QuotaPack, models.PROTECT, related_name="windows")
    tariff = models.ForeignKey(Tariff, models.PROTECT, db_index=False)
    number = models.PositiveSmallIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    granted_tenths = models.PositiveIntegerField()
    used_tenths = models.PositiveIntegerField(default=0)
    held_tenths = models.PositiveIntegerField(default=0)
    lapsed_tenths = models.PositiveIntegerField(default=0)
    revoked_tenths = models.PositiveIntegerField(default=0)
    lapsed_at = models.DateTimeField(null=True, blank=True)
    shut_at = models.DateTimeField(null=True, blank=True)
    free_tenths = models.GeneratedField(
        expression=F("granted_tenths")
        - F("used_tenths")
        - F("held_tenths")
        - F("lapsed_tenths")
        - F("revoked_tenths"),
        output_field=models.IntegerField(),
        db_persist=True,
    )

    objects = QuotaWindowQuerySet.as_manager()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "pack", "number", name="window_numbered_once"
            ),
            models.CheckConstraint(
                name="window_never_overdrawn",
                condition=Q(
                    granted_tenths__gte=F("used_tenths")
                    + F("held_tenths")
                    + F("lapsed_tenths")
                    + F("revoked_tenths")
                ),
            ),
            models.CheckConstraint(
                name="window_ends_after_it_begins",
                condition=Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="window_never_lapses_before_it_ends",
                condition=Q(lapsed_at=None, lapsed_tenths=0)
                | Q(lapsed_at__gte=F("ends_at")),
            ),
            ExclusionConstraint(
                name="window_never_overlaps",
                expressions=[
                    ("account", RangeOperators.EQUAL),
                    ("pack", RangeOperators.EQUAL),
                    (Func("starts_at", "ends_at", function="tstzrange"), "&&"),
                ],
            ),
        ]
        indexes = [
            models.Index(fields=["account", "ends_at"], name="window_open"),
            models.Index(
                fields=["ends_at"], name="window_to_lapse", condition=Q(lapsed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"


class ScanReason(models.TextChoices):
    """Why a scan costs what it costs (rules 5.2)."""

    FIRST = "first", "First scan"
    REPEAT = "repeat", "Repeat scan"


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    """Entries by what they are of."""

    def of_scans(self, account_id: int, scans: Collection[int]) -> Self:
        """The holds of these scans and their ends, worded as the indexes are."""
        held = Q(kind="hold") | Q(kind__in=["settle", "release"])
        return self.filter(held, account=account_id, scan__in=scans)


class LedgerEntry(Owned):
    """One append-only change of one window.

    ``tenths`` is never zero, but for the lapse of a window that was used up; the kind
    says what it moves. Entries of a scan carry the image ID, the reason and the outcome
    by value, so that the money can be proved when the scan's own row is gone (rules 6):
    ``scan`` and ``task`` are numbers, not foreign keys. ``free_after_tenths`` is the
    window's free quota after this entry.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", "Grant"
        HOLD = "hold", "Hold"
        SETTLE = "settle", "Used"
        RELEASE = "release", "Returned"
        LAPSE = "lapse", "Reset"
        REVOKE = "revoke", "Refund"

    window = OwnedKey(QuotaWindow, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=7, choices=Kind)
    tenths = models.PositiveIntegerField()
    free_after_tenths = models.PositiveIntegerField()
    scan = models.BigIntegerField(null=True)
    task = models.BigIntegerField(null=True)
    image_digest = models.CharField(max_length=71, blank=True)
    reason = models.CharField(max_length=6, blank=True, choices=ScanReason)
    outcome = models.CharField(max_length=12, blank=True)
    by = models.ForeignKey(
        User, models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    created_at = models.DateTimeField()

    objects = LedgerEntryQuerySet.as_manager()

    class Meta(Owned.Meta):
        verbose_name_plural = "ledger entries"
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "scan",
                "window",
                condition=Q(kind="hold"),
                name="ledger_hold_once_per_scan_and_window",
            ),
            models.UniqueConstraint(
                "account",
                "scan",
                "window",
                condition=Q(kind__in=["settle", "release"]),
                name="ledger_hold_ends_once",
            ),
            models.UniqueConstraint(
                "account",
                "window",
                "kind",
                condition=Q(kind__in=["grant", "lapse"], scan=None),
                name="ledger_grant_and_lapse_once_per_window",
            ),
            models.UniqueConstraint(
                "account",
                "window",
                condition=Q(kind="revoke"),
                name="ledger_revoke_once_per_window",
            ),
            models.CheckConstraint(
                name="ledger_entry_of_a_scan_names_it",
                condition=Q(
                    kind__in=["hold", "settle", "release"],
                    scan__isnull=False,
                    task__isnull=False,
                )
                | Q(kind="lapse")
                | Q(kind__in=["grant", "revoke"], scan=None),
            ),
            models.CheckConstraint(
                name="ledger_end_of_a_hold_states_its_outcome",
                condition=~Q(kind__in=["settle", "release"]) | ~Q(outcome=""),
            ),
            models.CheckConstraint(
                name="ledger_entry_moves_something",
                condition=Q(tenths__gte=1) | Q(kind="lapse", scan=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.tenths} tenths"
