"""Events from Stripe: only what Stripe signed counts, and once."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account, PaymentEvent
from tests.accounts.payments import ask_for, books_are_proved, deliver, opened, stands
from tests.accounts.stripe_server import StripeServer, sign

pytestmark = pytest.mark.django_db


def test_a_paid_event_credits_once_however_often_it_comes(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    waiting = ask_for(account, now)
    top_up = opened(account, now)
    event = stripe.pay()

    answers = [deliver(event, now) for _ in range(3)]
    other = deliver({**event, "id": "evt_other"}, now)

    assert {a.content for a in answers} == {b"Credited."}
    assert other.content == b"Already credited."
    assert stands(account) == "22.92 / 0.00"
    top_up.refresh_from_db()
    assert (top_up.state, top_up.payment) == ("paid", "pi_cs_test_1")
    waiting.refresh_from_db()
    assert waiting.state == "requested"
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
    "name",
    ["", "shop-17:{0}:{1}", "tcss-top-up:{0}:999999", "tcss-top-up:x:1",
     "tcss-top-up:1:y"],
)  # fmt: skip
def test_an_event_about_another_business_of_ours_credits_nobody(
    account: Account, stripe: StripeServer, now: datetime, name: str
) -> None:
    name = name.format(account.pk, opened(account, now).pk)
    event = stripe.pay(client_reference_id=name, payment_intent="pi_other")

    response = deliver(event, now)

    assert response.status_code == 200
    assert stands(account) == "0.00 / 0.00"


def test_an_event_of_an_unknown_kind_is_kept_and_does_nothing(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    event = stripe.event("customer.created", {"id": "cus_1", "currency": None})
    PaymentEvent.objects.create(
        provider="other", event=event["id"], kind="x", effect="none", received_at=now,
        handled_at=now, outcome="Another provider's, of the same name.",
    )  # fmt: skip

    assert deliver(event, now).content == b"Nothing to do."
    assert PaymentEvent.objects.get(provider="stripe").handled_at == now
