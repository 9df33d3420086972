"""Asking Stripe for a page to pay on: this amount, once, or a sentence."""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.errors import AmountOutOfRange, KeyReused
from accounts.models import Account, TopUp
from accounts.payments import gateways
from accounts.payments.port import PaymentRefused, PaymentUnavailable
from tests.accounts.payments import WEBHOOK, ask_for, begin, deliver, opened
from tests.accounts.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


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


def test_a_page_asked_for_twice_takes_no_payment_back(
    account: Account, stripe: StripeServer, now: datetime
) -> None:
    slow = ask_for(account, now)
    begin(TopUp.objects.get())
    deliver(stripe.pay(), now)

    assert begin(slow).state == "paid"


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
