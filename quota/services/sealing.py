"""Sealing the statements of closed months: their hashes, kept once and for all."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef

from quota.models import QuotaWindow, StatementSeal
from quota.rules.statement import chained
from quota.services.sweeping import in_turn
from quota.statements import statement_lines

AT_ONCE = 500


def seal_closed(*, clock: Callable[[], datetime]) -> int:
    """Seal every closed month that is not sealed yet. Returns how many; a second call,
    or another worker, seals none twice. Reads outside of any transaction: a closed
    month takes no more entries.
    """
    seals = StatementSeal.objects.filter(
        account=OuterRef("account"), window=OuterRef("pk")
    )
    closed = QuotaWindow.objects.filter(lapsed_at__isnull=False, held_tenths=0)
    unsealed = closed.exclude(Exists(seals)).select_related("tariff")
    windows = unsealed.order_by("pk").iterator(chunk_size=AT_ONCE)
    return in_turn(windows, lambda window: _seal(window, clock()))


def _seal(window: QuotaWindow, now: datetime) -> int:
    head, tail, lines = "", "", 0
    for tail, _ in chained(statement_lines(window)):
        head, lines = head or tail, lines + 1
    seal = StatementSeal(
        account_id=window.account_id,
        window=window,
        entries=lines - 2,
        head=head,
        tail=tail,
        sealed_at=now,
    )
    StatementSeal.objects.bulk_create([seal], ignore_conflicts=True)
    return 1
