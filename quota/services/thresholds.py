"""Telling people at 80 % and 100 % of their quota, once for each set of open windows.

Measured on settled quota of all open windows together, but for those from which a
refund lets nothing more be drawn. A reset or a purchase makes a new set; crossing both
thresholds at once tells only of the second (rules 7).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Sum

from accounts.models import Account, Notice
from accounts.services import notices
from quota.models import QuotaWindow
from quota.models.sql import run_prepared
from quota.rules.dates import moment_words
from quota.rules.units import format_quota
from quota.services.sweeping import in_turn

Kind = Notice.Kind


@dataclass(frozen=True, slots=True)
class Filled:
    """The open windows of an account, added up in tenths."""

    windows: tuple[int, ...]
    total: int
    used: int
    left: int
    resets_at: datetime

    @property
    def kind(self) -> Notice.Kind | None:
        """What this is to be told as, if at all."""
        if self.used * 5 < self.total * 4:
            return None
        return Kind.QUOTA_100 if self.used >= self.total else Kind.QUOTA_80

    @property
    def subject(self) -> str:
        """The set of windows, whatever their order and number."""
        named = ",".join(str(pk) for pk in self.windows)
        return f"windows:{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def check(*, account: Account, now: datetime) -> Notice.Kind | None:
    """Owe the notice that the account's settled quota asks for; ``account`` is locked
    by the caller. One statement, and no more below 80 %. A second call, or a second
    batch above the threshold, owes nothing new."""
    filled = _filled(account, now)
    if filled is None or filled.kind is None:
        return None
    told = Notice.objects.filter(
        account=account, kind=filled.kind, subject=filled.subject
    )
    if not told.exists():
        _tell(account, filled, filled.kind, now)
    return filled.kind


def sweep(*, now: datetime) -> int:
    """Check every account whose open windows are at 80 % or more: a set may become so
    without a scan, by a reset or a refund. Returns how many accounts were."""
    open_now = QuotaWindow.objects.filter(
        starts_at__lte=now, ends_at__gt=now, shut_at=None
    )
    full = (
        open_now.values("account")
        .annotate(total=Sum("granted_tenths"), fifths=Sum("used_tenths") * 5)
        .filter(fifths__gte=F("total") * 4)
        .order_by("account")
        .values_list("account", flat=True)
    )
    return in_turn(full, lambda account_id: _check_locked(account_id, now))


@transaction.atomic
def _check_locked(account_id: int, now: datetime) -> bool:
    account = Account.objects.lock(account_id)
    return check(account=account, now=now) is not None


def _filled(account: Account, now: datetime) -> Filled | None:
    ((windows, *figures),) = run_prepared(
        """
        SELECT array_agg(id ORDER BY id), sum(granted_tenths), sum(used_tenths),
               sum(free_tenths), min(ends_at)
        FROM quota_quotawindow
        WHERE account_id = %(account)s AND shut_at IS NULL
          AND starts_at <= %(now)s AND ends_at > %(now)s
        """,
        {"account": account.pk, "now": now},
    )
    return Filled(tuple(windows), *figures) if windows else None


def _tell(account: Account, filled: Filled, kind: Notice.Kind, now: datetime) -> None:
    context = {
        "total": format_quota(filled.total),
        "resets": moment_words(filled.resets_at, account.zone_info),
    }
    if kind == Kind.QUOTA_80:
        context |= {
            "used": format_quota(filled.used),
            "left": format_quota(filled.left),
        }
    notices.queue(
        account=account,
        kind=kind,
        audience=notices.Audience.SCANS,
        subject=filled.subject,
        context=context,
        now=now,
    )
