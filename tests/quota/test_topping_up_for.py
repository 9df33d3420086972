"""A top-up opened from a purchase or a renewal leads back to it, as filled in."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, TopUp
from accounts.services import balance
from quota.models import QuotaPack
from tests.accounts.stripe_server import StripeServer
from tests.addresses import url
from tests.factories import account_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=600, spare=5)


def link(page: Any, words: str) -> str:
    """Where the link with these words leads."""
    found = re.search(rf'href="([^"]+)"[^<>]*>(<svg.*?</svg>)?{words}', page.text)
    assert found, words
    return unescape(found[1])


def pressed(client: Client, dialog: str, **fields: str) -> Any:
    """Open the dialog's address, and press its button as the form says."""
    action = re.search(r'action="([^"]+top-up[^"]*)"', client.get(dialog).text)
    assert action
    data = {"amount": "50", "method": "bank", "key": str(uuid4()), **fields}
    return client.post(unescape(action[1]), data)


def test_from_a_purchase_and_back_with_its_quantity(
    signed_in: Client, account: Account
) -> None:
    bought = signed_in.get(url("purchase", account), {"quantity": "900"})

    asked = pressed(signed_in, link(bought, "Top up"))
    page = signed_in.get(asked.headers["Location"])

    back = signed_in.get(link(page, "Back to the purchase"))
    assertContains(back, 'name="quantity" inputmode="numeric" value="900"')


def test_from_a_renewal_and_back_with_its_length_and_packs(
    signed_in: Client, account: Account
) -> None:
    name = f"pack_{QuotaPack.objects.get().pk}"
    asked = {"months": "5", name: "300"}
    renewal = signed_in.get(url("subscription", account), asked)

    state = pressed(signed_in, link(renewal, "Top up")).headers["Location"]

    back = signed_in.get(link(signed_in.get(state), "Back to the renewal"))
    assertContains(back, f'name="{name}" inputmode="numeric" value="300"')
    assertContains(
        back, 'name="other" inputmode="numeric" aria-label="Months" value="5"'
    )


def test_stripes_page_leads_back_to_where_the_purchase_is_known(
    signed_in: Client, account: Account, stripe: StripeServer
) -> None:
    bought = signed_in.get(url("purchase", account), {"quantity": "900"})

    pressed(signed_in, link(bought, "Top up"), method="stripe")

    ((fields, _),) = stripe.answers.values()
    for name in ("success_url", "cancel_url"):
        page = signed_in.get(fields[name][0].removeprefix("http://testserver"))
        assertContains(page, "quantity=900")


@pytest.mark.parametrize(
    "then",
    ["https://evil.example/", "//evil.example", "/admin/", "javascript:alert(1)",
     "/a/other/subscription/purchase", "/a/halden-pay/members", "x" * 2000],
)  # fmt: skip
def test_it_leads_nowhere_else(signed_in: Client, account: Account, then: str) -> None:
    dialog = signed_in.get(url("top-up", account), {"then": then})
    pressed(signed_in, url("top-up", account))
    state = url("top-up-state", account, TopUp.objects.get().pk)

    assertNotContains(dialog, "evil")
    assertNotContains(signed_in.get(state, {"then": then}), "Back to the")


@pytest.mark.parametrize(
    ("page", "asked", "short", "words"),
    [
        ("purchase", {"quantity": "300"}, "46.00", "for this purchase"),
        ("subscription", {"months": "1"}, "52.75", "for this renewal"),
    ],
)
def test_a_debt_is_part_of_the_shortfall_once(
    signed_in: Client,
    account: Account,
    now: datetime,
    page: str,
    asked: dict[str, str],
    short: str,
    words: str,
) -> None:
    balance.reverse(
        account=account,
        amount=Decimal(15),
        reference="wrong:1",
        reason="Charged back.",
        by=None,
        now=now,
    )

    dialog = signed_in.get(
        link(signed_in.get(url(page, account), asked), rf"Top up \${short}")
    )

    assertContains(
        dialog, f'name="amount" inputmode="decimal" autocomplete="off" value="{short}"'
    )
    assertContains(dialog, f"${short} {words}")
    assertContains(dialog, "$10.00 pays what is owed")
