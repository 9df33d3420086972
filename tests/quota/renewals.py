"""One pack renewed or not: the instants, and what must stay as it was."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from accounts.errors import Refusal
from accounts.models import Account, Notice
from quota.models import LedgerEntry, Order, QuotaPack, QuotaWindow, Subscription, Term
from quota.services.reconciling import reconcile

MOMENT = timedelta(microseconds=1)
BOUGHT = datetime(2026, 1, 31, 14, tzinfo=UTC)
END = datetime(2026, 3, 31, 14, tzinfo=UTC)


def books_are_proved() -> bool:
    return [proof.claim for proof in reconcile() if proof.broken] == []


def nothing_changes(act: Callable[[], object], refusal: type[Refusal]) -> str:
    def rows() -> list[object]:
        return [
            *Account.objects.values_list(),
            *Subscription.objects.values_list(),
            *QuotaPack.objects.values_list(),
            *QuotaWindow.objects.values_list(),
            Order.objects.count(),
            Term.objects.count(),
            LedgerEntry.objects.count(),
            Notice.objects.count(),
        ]

    before = rows()
    with pytest.raises(refusal) as refused, transaction.atomic():
        act()
    assert rows() == before
    return str(refused.value)
