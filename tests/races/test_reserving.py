"""Many processes press at once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from accounts.models import Account, BalanceEntry
from quota.errors import InsufficientQuota, QuoteMoved
from quota.models import (
    Image,
    LedgerEntry,
    Order,
    QuotaWindow,
    ScanTask,
    Scope,
    Selection,
)
from quota.quotes import Basket
from quota.services import purchasing, scanning
from quota.services.reconciling import reconcile
from quota.services.scanning import ScanRequest
from tests.factories import ALL, ImageFactory, account_with, press
from tests.races.processes import FORK, start

pytestmark = pytest.mark.django_db(transaction=True)


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


def together(target: object, arguments: Sequence[tuple[object, ...]]) -> None:
    """Run one process an argument list, all released at one instant."""
    barrier = FORK.Barrier(len(arguments))
    processes = [start(target, barrier, *each) for each in arguments]  # type: ignore[arg-type]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def press_once(barrier: "object", image: Image, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        press(Account.objects.get(), [image], now)
    except InsufficientQuota:
        return


def test_64_processes_admit_exactly_what_fits(now: datetime) -> None:
    account = account_with(now=now)
    press(account, ImageFactory.create_batch(290, account=account), now)
    images = ImageFactory.create_batch(64, account=account)

    together(press_once, [(image, now) for image in images])

    assert ScanTask.objects.count() == 1 + 10
    assert QuotaWindow.objects.open_at(account.pk, now).get().free_tenths == 0
    assert books_are_proved()


def press_with_key(barrier: "object", image: Image, key: UUID, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    selection = Selection(Scope.SELECTED, ids=(image.pk,))
    scanning.reserve(
        account=Account.objects.get(),
        request=ScanRequest(selection, ALL, "Selected"),
        agreed=None,
        key=key,
        by=None,
        now=now,
    )


def test_one_press_delivered_16_times_has_one_effect(now: datetime) -> None:
    account = account_with(now=now)
    image = ImageFactory.create(account=account)
    key = uuid4()

    together(press_with_key, [(image, key, now)] * 16)

    assert ScanTask.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="hold").count() == 1
    assert books_are_proved()


def buy_quoted(
    barrier: "object", key: UUID, state: str, total: object, now: datetime
) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        purchasing.buy(
            account=Account.objects.get(),
            basket=Basket(quantity=300),
            state=state,
            total=total,  # type: ignore[arg-type]
            key=key,
            by=None,
            now=now,
        )
    except QuoteMoved:
        return


def test_16_tabs_with_one_quote_buy_once(now: datetime) -> None:
    account = account_with(now=now)
    quoted = purchasing.quote(account=account, basket=Basket(quantity=300), now=now)

    tabs = [(uuid4(), quoted.state, quoted.total, now) for _ in range(16)]
    together(buy_quoted, tabs)

    assert Order.objects.count() == 2
    assert BalanceEntry.objects.filter(kind="purchase").count() == 2
    assert books_are_proved()
