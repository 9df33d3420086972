"""What became of a payment: late, taken back, disputed, unknown, in any order."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Account, BalanceEntry, PaymentEvent, TopUp
from accounts.services import settling
from tests.accounts.payments import ask_for, books_are_proved, deliver, opened, stands
from tests.accounts.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "changes", [{"amount_total": 2291}, {"currency": "eur"}, {"id": "cs_test_7"}]
)
def test_a_payment_that_is_not_what_was_asked_for_waits_for_staff(
    account: Account,
    stripe: StripeServer,
    now: datetime,
    changes: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    top_up = opened(account, now)
    other = ask_for(account, now)

    deliver(stripe.pay(**changes), now)

    for each in (top_up, other):
        each.refresh_from_db()
    assert other.problem == ""
    assert top_up.problem.startswith("Paid ")
    assert f"Top-up {top_up.pk} is paid but not credited" in caplog.text
    assert top_up.state == "open"
    assert stands(account) == "0.00 / 0.00"


def test_a_method_that_pays_later_is_credited_when_it_has(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    first = stripe.pay(payment_status="unpaid")
    assert deliver(first, now).content == b"Nothing to do."
    # As if the answer had been lost.
    TopUp.objects.update(session="", problem="Paid on another page.")
    stripe.sessions["cs_test_1"]["payment_status"] = "paid"
    paid = stripe.event(
        "checkout.session.async_payment_succeeded", stripe.sessions["cs_test_1"]
    )

    assert deliver(paid, now).content == b"Credited."
    assert stands(account) == "22.92 / 0.00"
    top_up = TopUp.objects.get()
    assert (top_up.session, top_up.problem) == ("cs_test_1", "")


def test_a_page_that_ran_out_can_still_turn_out_paid(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up, other = opened(account, now), ask_for(account, now)
    expired = stripe.event(
        "checkout.session.expired", stripe.sessions["cs_test_1"] | {"status": "expired"}
    )
    paid = stripe.pay()

    assert deliver(expired, now).content == b"The top-up has expired."
    top_up.refresh_from_db()
    assert top_up.state == "expired"
    deliver(paid, now)
    late = deliver({**expired, "id": "evt_late"}, now)
    assert late.content == b"Nothing to do."

    for each in (top_up, other):
        each.refresh_from_db()
    assert (top_up.state, other.state) == ("paid", "requested")
    assert stands(account) == "22.92 / 0.00"


def test_a_refund_at_stripe_is_a_reversal_and_what_was_spent_a_debt(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    deliver(stripe.pay(), now)

    said = [
        deliver(stripe.event(kind, stripe.refund(2000)), now).content
        for kind in ("refund.created", "refund.updated", "charge.refund.updated")
    ]

    again = b"Already booked, or undone before it was."
    assert said == [b"Taken back.", again, again]
    assert stands(account) == "2.92 / 0.00"
    entry = BalanceEntry.objects.get(kind="reversal")
    assert entry.reason == "The card payment was paid back to the card."
    assert TopUp.objects.get().reversed_amount == Decimal(20)
    assert books_are_proved()


def test_a_chargeback_is_taken_and_returned_when_it_is_won(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    deliver(stripe.pay(), now)
    dispute = stripe.dispute(2292)
    deliver(stripe.event("charge.dispute.created", dispute), now)
    assert stands(account) == "22.92 / 0.00"

    deliver(stripe.event("charge.dispute.funds_withdrawn", dispute), now)
    assert stands(account) == "0.00 / 0.00"
    deliver(stripe.event("charge.dispute.funds_reinstated", dispute), now)
    deliver(stripe.event("charge.dispute.funds_reinstated", dispute), now)

    assert stands(account) == "22.92 / 0.00"
    assert TopUp.objects.get().reversed_amount == 0
    deliver(stripe.event("refund.created", stripe.refund(2000)), now)
    assert stands(account) == "2.92 / 0.00"
    assert books_are_proved()


def test_never_more_is_taken_back_than_was_paid_in(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    deliver(stripe.pay(), now)
    deliver(stripe.event("refund.created", stripe.refund(2000)), now)

    deliver(stripe.event("charge.dispute.funds_withdrawn", stripe.dispute(2292)), now)

    assert stands(account) == "0.00 / 0.00"
    assert TopUp.objects.get().reversed_amount == Decimal("22.92")
    late = deliver(stripe.event("refund.created", stripe.refund(100, 2)), now)
    assert late.content == b"The whole top-up is taken back already."


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_events_come_the_books_end_the_same(
    account: Account, stripe: StripeServer, now: datetime, order: tuple[int, ...]
) -> None:
    opened(account, now)
    refund = stripe.refund(500)
    events = [
        stripe.pay(),
        stripe.event("refund.created", refund),
        stripe.event("refund.failed", {**refund, "status": "failed"}),
    ]

    for each in order:
        deliver(events[each], now)

    assert stands(account) == "22.92 / 0.00"
    assert not PaymentEvent.objects.filter(handled_at=None).exists()
    assert books_are_proved()


def test_a_refund_told_before_its_payment_waits_for_it(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    for _ in range(2):
        opened(account, now)
    paid, other = stripe.pay(), stripe.pay("cs_test_2")

    early = deliver(stripe.event("refund.created", stripe.refund(2292)), now)
    assert early.content == b"Waits for its payment."
    for event in (other, paid):
        deliver(event, now)
        assert stands(account) == "22.92 / 0.00"

    kinds = BalanceEntry.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["top_up", "top_up", "reversal"]
    reversed_amounts = TopUp.objects.order_by("pk").values_list("reversed_amount")
    assert list(reversed_amounts) == [(Decimal("22.92"),), (Decimal(0),)]


def test_the_job_asks_about_what_is_unknown_and_charges_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = opened(account, now)
    settling.reconcile(now=now + timedelta(seconds=119))
    assert not [call for call in stripe.calls if "sessions/" in call]
    settling.reconcile(now=now + timedelta(minutes=3))
    top_up.refresh_from_db()
    assert top_up.state == "open"
    stripe.pay()
    stripe.events.clear()
    made = len(stripe.calls)

    booked = [settling.reconcile(now=now + timedelta(minutes=3)) for _ in range(2)]

    assert booked == [1, 0]
    assert stands(account) == "22.92 / 0.00"
    assert {call.split()[0] for call in stripe.calls[made:]} == {"GET"}


def test_the_job_fetches_the_events_that_did_not_reach_us(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    stripe.pay()
    for number in range(1, 4):
        stripe.event("refund.created", stripe.refund(100, number))

    booked = [settling.reconcile(now=now + timedelta(minutes=3)) for _ in range(2)]

    assert booked == [5, 4]  # what was fetched is looked at again
    assert stands(account) == "19.92 / 0.00"
    assert PaymentEvent.objects.count() == 4
    assert books_are_proved()


def test_a_refund_told_while_its_payment_was_being_booked_is_booked_later(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    paid = stripe.pay()
    deliver(stripe.event("refund.created", stripe.refund(2292)), now)
    PaymentEvent.objects.update(payment="")  # the payment does not see it yet
    deliver(paid, now)
    PaymentEvent.objects.filter(handled_at=None).update(payment="pi_cs_test_1")
    stripe.events.clear()

    assert settling.reconcile(now=now) == 1

    assert stands(account) == "0.00 / 0.00"


def test_a_service_that_is_down_stops_nothing_and_loses_nothing(
    account: Account,
    stripe: StripeServer,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened(account, now)
    stripe.pay()
    stripe.fails_with = 503
    assert settling.reconcile(now=now + timedelta(minutes=3)) == 0
    assert "could not be asked about" in caplog.text
    assert "Missed events could not be fetched" in caplog.text
    assert stands(account) == "0.00 / 0.00"

    stripe.fails_with = None
    settling.reconcile(now=now + timedelta(minutes=8))

    assert stands(account) == "22.92 / 0.00"


def test_a_page_that_nobody_can_be_asked_about_is_not_given_up(
    account: Account, stripe: StripeServer, now: datetime, settings: Settings
) -> None:
    top_up = opened(account, now)
    settings.STRIPE_SECRET_KEY = ""

    assert settling.reconcile(now=now + timedelta(days=2)) == 0

    top_up.refresh_from_db()
    assert top_up.state == "open"


def test_a_request_that_never_got_a_page_is_given_up_after_a_day(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up, other = ask_for(account, now), ask_for(account, now, method="bank")

    settling.reconcile(now=now + settling.GIVEN_UP_AFTER)
    top_up.refresh_from_db()
    assert top_up.state == "requested"
    settling.reconcile(now=now + timedelta(hours=26))

    for each in (top_up, other):
        each.refresh_from_db()
    assert (top_up.state, other.state) == ("expired", "requested")
