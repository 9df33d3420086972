"""An independent implementation of Stripe's API, in a process of its own.

localstripe (GPL-3.0) is run, never imported: install it into an environment of its own
and put it on the PATH, or name it in LOCALSTRIPE. It has no Checkout and no refund
events, so what it can show is its signature, its events, and its refunds.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.models import BalanceEntry, PaymentEvent, TopUp
from accounts.payments import stripe as adapter
from accounts.payments.port import Effect
from accounts.services import settling
from tests.accounts.stripe_server import WEBHOOK_SECRET, StripeServer
from tests.factories import account_with, creator_of

PROGRAM = os.environ.get("LOCALSTRIPE") or shutil.which("localstripe")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not PROGRAM, reason="localstripe is not installed here."),
]


class Local:
    """What is asked of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(retries=False)

    def call(self, method: str, path: str, **fields: str) -> Any:
        answer = self.pool.request(
            method,
            self.url + path,
            body=urlencode(fields) if fields else None,
            headers={
                "Authorization": "Bearer sk_test_local",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        assert answer.status == HTTPStatus.OK, answer.data
        return answer.json() if answer.data[:1] in b"{[" else None


@pytest.fixture
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert PROGRAM
    process = subprocess.Popen(
        [PROGRAM, "--port", str(port), "--from-scratch"],
        cwd=tmp_path_factory.mktemp("localstripe"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield Local(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("localstripe did not start.")


def paid_intent(local: Local) -> Any:
    method = local.call(
        "POST", "/v1/payment_methods",
        **{
            "type": "card", "card[number]": "4242424242424242",
            "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123",
        },
    )  # fmt: skip
    return local.call(
        "POST", "/v1/payment_intents",
        amount="2292", currency="usd", payment_method=method["id"], confirm="true",
    )  # fmt: skip


def test_its_signed_events_are_accepted_and_credit_nothing_by_themselves(
    local: Local, stripe: StripeServer, live_server: LiveServer
) -> None:
    hook = {
        "url": f"{live_server.url}/payments/stripe",
        "secret": WEBHOOK_SECRET,
        "events": ["payment_intent.succeeded"],
    }
    local.pool.request("POST", f"{local.url}/_config/webhooks/ours", json=hook)

    paid_intent(local)
    for _ in range(50):
        if PaymentEvent.objects.exists():
            break
        time.sleep(0.1)

    event = PaymentEvent.objects.get()
    assert (event.kind, event.outcome) == ("payment_intent.succeeded", "Nothing to do.")
    assert not BalanceEntry.objects.exists()


def test_its_refund_is_read_as_one_and_taken_back(local: Local) -> None:
    now = timezone.now()
    account = account_with(now=now)
    intent = paid_intent(local)
    found = TopUp.objects.create(
        account=account, key="5d1c1f6e-0000-4000-8000-000000000001", method="stripe",
        state="paid", amount="22.92", currency="USD", payment=intent["id"],
        by=creator_of(account), created_at=now, paid_at=now,
    )  # fmt: skip
    refund = local.call(
        "POST", "/v1/refunds", payment_intent=intent["id"], amount="1000"
    )

    read = adapter._event(
        {"id": "evt_1", "type": "refund.created", "data": {"object": refund}}
    )
    settling.receive(provider="stripe", event=read, now=now)

    assert (read.effect, read.payment) == (Effect.TAKE, intent["id"])
    found.refresh_from_db()
    assert str(found.reversed_amount) == "10.00"
