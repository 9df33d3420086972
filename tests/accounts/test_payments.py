"""Paying by Stripe's page: every call goes to a real server over HTTP."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts.errors import AmountOutOfRange, KeyReused
from accounts.models import Account, BalanceEntry, PaymentEvent, TopUp
from accounts.payments import gateways
from accounts.payments.port import PaymentRefused, PaymentUnavailable
from accounts.services import settling, topping_up
from quota.services.reconciling import reconcile
from tests.accounts.stripe_server import StripeServer, sign
from tests.factories import creator_of

pytestmark = pytest.mark.django_db
WEBHOOK = "/payments/stripe"


def ask_for(
    account: Account,
    now: datetime,
    amount: str = "22.92",
    *,
    key: UUID | None = None,
    method: str = "stripe",
) -> TopUp:
    return topping_up.request(
        account=account,
        method=method,
        amount=Decimal(amount),
        key=key or uuid4(),
        by=creator_of(account),
        now=now,
    )


def begin(top_up: TopUp) -> TopUp:
    return topping_up.begin(
        top_up=top_up,
        done_url="https://console.example/done",
        back_url="https://console.example/back",
    )


def opened(account: Account, now: datetime) -> TopUp:
    return begin(ask_for(account, now))


def deliver(event: dict[str, Any], now: datetime, **changes: Any) -> Any:
    body = json.dumps(event).encode()
    signature = changes.get("signature", sign(body, now.timestamp()))
    with time_machine.travel(changes.get("at", now), tick=False):
        return Client().post(
            WEBHOOK,
            body,
            content_type="application/json",
            headers={"Stripe-Signature": signature},
        )


def stands(account: Account) -> str:
    account.refresh_from_db()
    return f"{account.balance} / {account.debt}"


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


def test_without_a_key_only_bank_transfer_is_offered(settings: Settings) -> None:
    settings.STRIPE_SECRET_KEY = ""

    assert list(gateways()) == ["bank"]
    assert Client().post(WEBHOOK, b"{}", "application/json").status_code == 404


def test_a_session_asks_for_exactly_this_amount(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = opened(account, now)

    assert top_up.state == "open"
    assert top_up.page.startswith("https://checkout.stripe.example/")
    session = stripe.sessions[top_up.session]
    assert (session["amount_total"], session["currency"]) == (2292, "usd")
    assert session["client_reference_id"] == f"tcss-top-up:{account.pk}:{top_up.pk}"
    assert stripe.versions == {"2025-03-31.basil"}


def test_the_same_press_asks_for_one_page(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    key = uuid4()

    pages = {begin(ask_for(account, now, key=key)).page for _ in range(3)}

    assert len(pages) == 1
    assert TopUp.objects.count() == len(stripe.sessions) == 1
    with pytest.raises(KeyReused):
        ask_for(account, now, "50.00", key=key)


def test_an_answer_that_is_lost_leaves_the_request_and_makes_no_second_page(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = ask_for(account, now)
    stripe.loses_answers = True
    with pytest.raises(PaymentUnavailable):
        begin(top_up)
    top_up.refresh_from_db()
    assert top_up.state == "requested"

    stripe.loses_answers = False
    again = begin(top_up)

    assert again.state == "open"
    assert len(stripe.sessions) == 1


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_failure_that_passes_is_not_an_answer(
    account: Account, stripe: StripeServer, now: datetime, status: int
) -> None:
    stripe.fails_with = status

    with pytest.raises(PaymentUnavailable):
        opened(account, now)

    assert TopUp.objects.get().state == "requested"


def test_a_refusal_of_stripes_fails_the_top_up(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    stripe.fails_with = 402

    with pytest.raises(PaymentRefused, match="Nothing was taken"):
        opened(account, now)

    assert TopUp.objects.get().state == "failed"


def test_a_paid_event_credits_once_however_often_it_comes(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = opened(account, now)
    event = stripe.pay()

    answers = [deliver(event, now) for _ in range(3)]
    other = deliver({**event, "id": "evt_other"}, now)

    assert {a.content for a in answers} == {b"Credited."}
    assert other.content == b"Already credited."
    assert stands(account) == "22.92 / 0.00"
    top_up.refresh_from_db()
    assert (top_up.state, top_up.payment) == ("paid", "pi_cs_test_1")
    assert books_are_proved()


@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_an_event_signed_too_long_ago_or_ahead_is_refused(
    account: Account, stripe: StripeServer, now: datetime, age: int
) -> None:
    opened(account, now)

    response = deliver(stripe.pay(), now, at=now + timedelta(seconds=age))

    assert response.status_code == 400
    assert stands(account) == "0.00 / 0.00"
    assert not PaymentEvent.objects.exists()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=,v1=",
        "t=abc,v1=00",
        "v1=00",
        f"t={10**14},v1=00",
        "ä=ö",
        "t=1\u0660,v1=é",
    ],
)
def test_an_event_without_a_good_signature_is_refused(
    account: Account, stripe: StripeServer, now: datetime, signature: str
) -> None:
    opened(account, now)

    response = deliver(stripe.pay(), now, signature=signature)

    assert response.status_code == 400
    assert not PaymentEvent.objects.exists()


def test_a_forged_event_credits_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    event = stripe.pay()
    body = json.dumps(event).encode()

    by_another = deliver(event, now, signature=sign(body, now.timestamp(), "whsec_x"))
    changed = deliver(
        {**event, "id": "evt_9"}, now, signature=sign(body, now.timestamp())
    )

    assert by_another.status_code == changed.status_code == 400
    assert stands(account) == "0.00 / 0.00"


def test_two_secrets_during_a_change_are_both_looked_at(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    event = stripe.pay()
    good = sign(json.dumps(event).encode(), now.timestamp())
    both = good.replace("v1=", f"v1={'0' * 64},v1=")

    assert deliver(event, now, signature=both).content == b"Credited."


def test_signed_nonsense_is_refused(stripe: StripeServer, now: datetime) -> None:
    nonsense: list[Any] = [[], {}, {"id": "evt_1"}, {"type": "x", "data": 5}, "text"]
    for event in nonsense:
        assert deliver(event, now).status_code == 400


@pytest.mark.parametrize(
    "name", ["", "shop-17", "tcss-top-up:1:999999", "tcss-top-up:x:y", "tcss-top-up:"]
)
def test_an_event_about_another_business_of_ours_credits_nobody(
    account: Account, stripe: StripeServer, now: datetime, name: str
) -> None:
    opened(account, now)
    event = stripe.pay(client_reference_id=name, payment_intent="pi_other")

    response = deliver(event, now)

    assert response.status_code == 200
    assert stands(account) == "0.00 / 0.00"


def test_an_event_of_an_unknown_kind_is_kept_and_does_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    event = stripe.event("customer.created", {"id": "cus_1", "currency": None})

    assert deliver(event, now).content == b"Nothing to do."
    assert PaymentEvent.objects.get().handled_at == now


@pytest.mark.parametrize(
    "changes", [{"amount_total": 2291}, {"currency": "eur"}, {"id": "cs_test_7"}]
)
def test_a_payment_that_is_not_what_was_asked_for_waits_for_staff(
    account: Account, stripe: StripeServer, now: datetime, changes: dict[str, Any]
) -> None:
    top_up = opened(account, now)

    deliver(stripe.pay(**changes), now)

    top_up.refresh_from_db()
    assert top_up.problem.startswith("Paid ")
    assert top_up.state == "open"
    assert stands(account) == "0.00 / 0.00"


def test_a_method_that_pays_later_is_credited_when_it_has(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    first = stripe.pay(payment_status="unpaid")
    assert deliver(first, now).content == b"Nothing to do."
    stripe.sessions["cs_test_1"]["payment_status"] = "paid"
    paid = stripe.event(
        "checkout.session.async_payment_succeeded", stripe.sessions["cs_test_1"]
    )

    assert deliver(paid, now).content == b"Credited."
    assert stands(account) == "22.92 / 0.00"


def test_a_page_that_ran_out_can_still_turn_out_paid(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = opened(account, now)
    expired = stripe.event(
        "checkout.session.expired", stripe.sessions["cs_test_1"] | {"status": "expired"}
    )
    paid = stripe.pay()

    deliver(expired, now)
    top_up.refresh_from_db()
    assert top_up.state == "expired"
    deliver(paid, now)
    deliver({**expired, "id": "evt_late"}, now)

    top_up.refresh_from_db()
    assert top_up.state == "paid"
    assert stands(account) == "22.92 / 0.00"


def test_a_refund_at_stripe_is_a_reversal_and_what_was_spent_a_debt(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    deliver(stripe.pay(), now)

    for kind in ("refund.created", "refund.updated", "charge.refund.updated"):
        deliver(stripe.event(kind, stripe.refund(2000)), now)

    assert stands(account) == "2.92 / 0.00"
    entry = BalanceEntry.objects.get(kind="reversal")
    assert entry.reason == "The card payment was paid back to the card."
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
    opened(account, now)
    paid = stripe.pay()

    early = deliver(stripe.event("refund.created", stripe.refund(2292)), now)
    assert early.content == b"Waits for its payment."
    deliver(paid, now)

    assert stands(account) == "0.00 / 0.00"
    kinds = BalanceEntry.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["top_up", "reversal"]


def test_the_job_asks_about_what_is_unknown_and_charges_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    stripe.pay()
    stripe.events.clear()
    made = len(stripe.calls)

    for _ in range(2):
        settling.reconcile(now=now + timedelta(minutes=3))

    assert stands(account) == "22.92 / 0.00"
    assert {call.split()[0] for call in stripe.calls[made:]} == {"GET"}


def test_the_job_fetches_the_events_that_did_not_reach_us(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    stripe.pay()
    for number in range(1, 4):
        stripe.event("refund.created", stripe.refund(100, number))

    for _ in range(2):
        settling.reconcile(now=now + timedelta(minutes=3))

    assert stands(account) == "19.92 / 0.00"
    assert PaymentEvent.objects.count() == 4
    assert books_are_proved()


def test_a_service_that_is_down_stops_nothing_and_loses_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    opened(account, now)
    stripe.pay()
    stripe.fails_with = 503
    settling.reconcile(now=now + timedelta(minutes=3))
    assert stands(account) == "0.00 / 0.00"

    stripe.fails_with = None
    settling.reconcile(now=now + timedelta(minutes=8))

    assert stands(account) == "22.92 / 0.00"


def test_a_request_that_never_got_a_page_is_given_up_after_a_day(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    top_up = ask_for(account, now)

    settling.reconcile(now=now + timedelta(hours=24))
    top_up.refresh_from_db()
    assert top_up.state == "requested"
    settling.reconcile(now=now + timedelta(hours=26))

    top_up.refresh_from_db()
    assert top_up.state == "expired"


@pytest.mark.parametrize("amount", ["0.99", "50000.01", "-5", "0", "1.001"])
def test_an_amount_outside_the_limits_is_a_sentence(
    account: Account, now: datetime, amount: str
) -> None:
    with pytest.raises(AmountOutOfRange, match=r"Enter \$1\.00 to \$50,000\.00\."):
        ask_for(account, now, amount)


@pytest.mark.parametrize("amount", ["1.00", "50000.00"])
def test_the_limits_themselves_are_allowed(
    account: Account, now: datetime, amount: str
) -> None:
    assert ask_for(account, now, amount).amount == Decimal(amount)
