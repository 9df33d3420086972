"""A top-up asked for, begun and told of, in one word each."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import time_machine
from django.test import Client

from accounts.models import Account, TopUp
from accounts.services import topping_up
from quota.services.reconciling import reconcile
from tests.accounts.stripe_server import sign
from tests.factories import creator_of

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
