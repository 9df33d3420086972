"""Money that many want at once: purchases, webhooks and numbers."""

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.errors import InsufficientBalance
from accounts.models import Account, BalanceEntry, PaymentEvent, TopUp
from accounts.services import balance, settling, topping_up
from quota.errors import QuoteMoved
from quota.models import Invoice, InvoiceNumber, InvoiceSeries, Order
from quota.quotes import Basket
from quota.services import invoicing, purchasing
from quota.services.reconciling import reconcile
from tests.accounts.stripe_server import StripeServer, sign
from tests.factories import account_with, buy, creator_of
from tests.races.processes import start
from tests.races.test_reserving import together

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


def at_once(act: Any, count: int = THREADS) -> list[Any]:
    """Run an act in real threads, all released at one instant."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        try:
            barrier.wait()
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_payments_that_together_exceed_the_balance_never_overdraw_it(
    now: datetime,
) -> None:
    account = account_with(now=now)

    def pay(number: int) -> str:
        try:
            balance.adjust(
                account=account,
                amount=Decimal(-300),
                reference=f"adjustment:x{number}",
                reason="Race.",
                by=None,
                now=now,
            )
        except InsufficientBalance:
            return "refused"
        return "paid"

    assert Counter(at_once(pay)) == {"paid": 3, "refused": 5}
    account.refresh_from_db()
    assert account.balance == 100


def test_purchases_that_together_exceed_the_balance_buy_what_it_covers(
    now: datetime,
) -> None:
    account = account_with(now=now)
    # $540.00 each, of $1,000.00: one is bought, whoever asks again.
    basket = Basket(quantity=4_500)

    def purchase(_: int) -> str:
        for _try in range(THREADS):
            mine = Account.objects.get(pk=account.pk)
            quoted = purchasing.quote(account=mine, basket=basket, now=now)
            try:
                purchasing.buy(
                    account=mine, basket=basket, state=quoted.state,
                    total=quoted.total, key=uuid4(), by=None, now=now,
                )  # fmt: skip
            except QuoteMoved:
                continue
            except InsufficientBalance:
                return "refused"
            return "bought"
        return "moved"

    assert Counter(at_once(purchase)) == {"bought": 1, "refused": THREADS - 1}
    account.refresh_from_db()
    assert account.balance == 460
    assert Order.objects.count() == 2
    assert books_are_proved()


@pytest.fixture
def opened(stripe: StripeServer) -> TopUp:
    now = timezone.now()
    account = account_with(now=now)
    asked = topping_up.request(
        account=account, method="stripe", amount=Decimal("22.92"), key=uuid4(),
        by=creator_of(account), now=now,
    )  # fmt: skip
    return topping_up.begin(top_up=asked, done_url="https://x/", back_url="https://x/")


def deliver(event: dict[str, Any]) -> str:
    body = json.dumps(event).encode()
    response = Client().post(
        "/payments/stripe",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body, time.time())},
    )
    return str(response.content.decode())


@pytest.mark.parametrize("same_event", [True, False])
def test_webhooks_at_once_credit_once(
    opened: TopUp, stripe: StripeServer, same_event: bool
) -> None:
    event = stripe.pay()

    answers = at_once(
        lambda n: deliver(event if same_event else {**event, "id": f"evt_{n}x"})
    )

    expected = {"Credited."} if same_event else {"Credited.", "Already credited."}
    assert set(answers) == expected
    assert BalanceEntry.objects.filter(reference__startswith="top-up:").count() == 1
    assert PaymentEvent.objects.count() == (1 if same_event else THREADS)
    assert books_are_proved()


def test_a_webhook_and_the_job_at_once_credit_once(
    opened: TopUp, stripe: StripeServer
) -> None:
    event = stripe.pay()

    def either(number: int) -> str:
        if number % 2:
            return deliver(event)
        return settling.ask(top_up=TopUp.objects.get(), now=timezone.now())

    at_once(either)

    assert BalanceEntry.objects.filter(reference__startswith="top-up:").count() == 1
    assert books_are_proved()


def test_a_payment_and_its_refund_at_once_end_at_nothing(
    opened: TopUp, stripe: StripeServer
) -> None:
    refund = stripe.event("refund.created", stripe.refund(2292))
    events = [stripe.pay(), refund]

    at_once(lambda n: deliver(events[n % 2]))
    settling.reconcile(now=timezone.now())

    entries = BalanceEntry.objects.filter(reference__startswith="top-up:")
    assert sorted(entries.values_list("amount", flat=True)) == [
        Decimal("-22.92"), Decimal("22.92"),
    ]  # fmt: skip
    assert not PaymentEvent.objects.filter(handled_at=None).exists()
    assert books_are_proved()


def issue_at(barrier: Any, now: datetime) -> None:
    barrier.wait()
    invoicing.issue(now=now)


def numbers_are_whole() -> bool:
    """From 1 without a gap or double, one for each order."""
    numbers = list(
        InvoiceNumber.objects.order_by("number").values_list("number", flat=True)
    )
    return numbers == list(range(1, Order.objects.count() + 1)) and (
        Invoice.objects.values("order").distinct().count() == len(numbers)
    )


def test_jobs_in_many_processes_number_each_order_once(now: datetime) -> None:
    account = account_with(now=now)
    for _ in range(20):
        buy(account, Basket(quantity=300), now)

    together(issue_at, [(now,)] * 6)

    assert numbers_are_whole()
    assert books_are_proved()


def test_jobs_on_both_sides_of_new_year_number_each_order_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    bought_at = new_year - timedelta(hours=1)  # There it is 2027 already.
    account = account_with(now=bought_at, zone="Asia/Tokyo")
    for _ in range(20):
        buy(account, Basket(quantity=300), bought_at)
    monkeypatch.setattr(invoicing, "BATCH", 2)

    together(issue_at, [(new_year - timedelta(microseconds=1),), (new_year,)] * 3)

    given = InvoiceNumber.objects.order_by("number").values_list(
        "number", "invoice__label"
    )
    for year in ("2026", "2027"):
        of_year = [number for number, label in given if f"-{year}-" in label]
        assert of_year == list(range(1, len(of_year) + 1))
    assert Invoice.objects.values("order").distinct().count() == len(given) == 21
    assert books_are_proved()


def issue_for_ever(now: datetime) -> None:
    while True:
        invoicing.issue(now=now)


def test_jobs_that_are_killed_leave_no_gap_and_no_double(now: datetime) -> None:
    account = account_with(now=now)
    chance = random.Random(5)  # noqa: S311 -- which moment is hit need not be secret

    for _ in range(12):
        for _each in range(2):
            buy(account, Basket(quantity=300), now)
        worker = start(issue_for_ever, now)
        worker.join(chance.uniform(0.02, 0.25))
        worker.kill()
        worker.join()
    invoicing.issue(now=now)

    assert numbers_are_whole()


def test_a_purchase_waits_for_no_numbering(now: datetime) -> None:
    account = account_with(now=now)
    other = account_with(now=now, slug="other")
    invoicing.issue(now=now)
    buy(account, Basket(quantity=300), now)

    def in_a_thread() -> Order:
        try:
            return buy(other, Basket(quantity=300), now)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        held = list(InvoiceSeries.objects.select_for_update())
        bought = pool.submit(in_a_thread).result(timeout=4)

    assert held
    assert bought.number == 2
