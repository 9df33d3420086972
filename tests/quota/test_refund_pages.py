"""Asking for a refund and following it through HTTP."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, Notice
from accounts.services import composing
from quota.models import OrderLine, RefundRequest
from quota.services import deciding
from quota.services.deciding import Decision, Staff
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.quota.refunds import approve, ask

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    account = account_with(now=now - timedelta(days=3))
    image = ImageFactory.create(account=account)
    for _ in range(100):
        press(account, [image], now)
        finish(account, now)
    return account


def url(account: Account, name: str = "refund-order", number: int = 1) -> str:
    return reverse(f"quota:{name}", args=[account.slug, number])


def pressed(client: Client, account: Account, **changes: str) -> Any:
    data = {
        "reason": "moving", "note": "", "understood": "1", "key": str(uuid4()),
        "line": "2",
    }  # fmt: skip
    return client.post(url(account), {**data, **changes})


def test_an_approved_request_says_what_it_waits_for(
    signed_in: Client, account: Account, now: datetime
) -> None:
    refund = ask(account, now)
    press(account, ImageFactory.create_batch(2, account=account), now)
    approve(refund, now, holds="wait")

    page = signed_in.get(url(account, "refund", refund.pk))

    assertContains(page, "When running scans have ended")
    assertContains(page, "Running scans hold 2 of it.")
    assertNotContains(page, "You can go on scanning")


def test_the_page_and_the_mail_call_a_pack_a_purchase(
    signed_in: Client, account: Account, now: datetime
) -> None:
    refund = approve(ask(account, now), now)

    page = signed_in.get(url(account, "refund", refund.pk))
    mail = composing.compose(Notice.objects.get(kind="refund_decided"), now)

    assertContains(page, "<h1>Refund of the purchase of 300 scans a month</h1>")
    assert mail.subject == "Refund approved for the purchase of 300 scans a month"
    assertNotContains(page, "the pack")
    assert "pack" not in mail.text


def test_the_preview_shows_the_computation_without_asking(
    signed_in: Client, account: Account
) -> None:
    response = signed_in.get(url(account))

    for words in (
        "$36.00", "10.9 × $0.06", "−$0.654", "$35.35", "589.1 quota in 2 months",
        "Request refund of $35.35",
    ):  # fmt: skip
        assertContains(response, words)
    assert not RefundRequest.objects.exists()


def test_a_press_sends_it_and_leads_to_the_tracking_page(
    signed_in: Client, account: Account
) -> None:
    response = pressed(signed_in, account, note="Another registry.")

    refund = RefundRequest.objects.get()
    assert response.headers["Location"] == url(account, "refund", refund.pk)
    page = signed_in.get(response.headers["Location"])
    for words in (
        "In review",
        "Usually 3 working days",
        "Another registry.",
        "Sent by",
    ):
        assertContains(page, words)


def test_the_same_press_twice_is_one_request(
    signed_in: Client, account: Account
) -> None:
    key = str(uuid4())

    first = pressed(signed_in, account, key=key)
    second = pressed(signed_in, account, key=key)

    assert first.headers["Location"] == second.headers["Location"]
    assert RefundRequest.objects.count() == 1


def test_a_second_request_is_told_of_the_first(
    signed_in: Client, account: Account
) -> None:
    pressed(signed_in, account)

    response = pressed(signed_in, account)

    assertContains(response, "in review already", status_code=409)
    assertContains(response, url(account, "refund", 1)[:-1], status_code=409)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"understood": ""}, "Tick the box to confirm that this quota ends."),
        ({"reason": ""}, "Choose why."),
        ({"reason": "greed"}, "Choose one of the reasons."),
        ({"note": "x" * 501}, "at most 500"),
        ({"key": "7"}, "Load the page again"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    signed_in: Client, account: Account, changes: dict[str, str], words: str
) -> None:
    response = pressed(signed_in, account, **changes)

    assertContains(response, words, status_code=422)
    assert not RefundRequest.objects.exists()


def test_professional_edition_waits_for_its_pack(
    signed_in: Client, account: Account
) -> None:
    response = signed_in.get(url(account), {"line": "1"})

    assertContains(response, "still has quota left")
    assertNotContains(response, "Request refund of")


def test_withdrawing(signed_in: Client, account: Account) -> None:
    pressed(signed_in, account)
    pk = RefundRequest.objects.get().pk

    response = signed_in.post(url(account, "withdraw-refund", pk), follow=True)

    assertContains(response, "Withdrawn")
    assertNotContains(response, "Withdraw request")


def test_a_decided_request_says_what_was_paid(
    signed_in: Client, account: Account, now: datetime
) -> None:
    pressed(signed_in, account)
    refund = RefundRequest.objects.get()
    deciding.approve(
        refund=refund,
        decision=Decision(
            seen=Decimal("35.35"), amount=Decimal("30.00"), answer="Half was agreed."
        ),
        staff=Staff(UserFactory.create(is_staff=True), None),
        now=now,
    )

    page = signed_in.get(url(account, "refund", refund.pk))
    late = signed_in.post(url(account, "withdraw-refund", refund.pk))

    assertContains(page, "$30.00 of $35.35 was approved and added to your balance")
    assertContains(page, "Half was agreed.")
    assertContains(late, "cannot be withdrawn", status_code=409)
    order = OrderLine.objects.latest("pk").order
    assertContains(signed_in.get(url(account, "order", order.number)), "$30.00")
    assert signed_in.get(url(account, number=order.number)).status_code == 404


def test_who_may(client: Client, account: Account) -> None:
    client.force_login(creator_of(account))
    pressed(client, account)
    pk = RefundRequest.objects.get().pk
    pages = (url(account), url(account, "refund", pk))

    client.force_login(member_of(account, resource=True))
    assert [client.get(page).status_code for page in pages] == [403, 403]
    client.force_login(UserFactory.create())
    assert [client.get(page).status_code for page in pages] == [404, 404]
    client.force_login(member_of(account, financial=True))
    assert [client.get(page).status_code for page in pages] == [200, 200]
    assert client.get(url(account, "withdraw-refund", pk)).status_code == 405
    assert client.post(url(account, "refund", pk)).status_code == 405


def test_an_order_or_request_of_another_account_is_not_there(
    signed_in: Client, account: Account, now: datetime
) -> None:
    account_with(now=now, slug="other")

    assert signed_in.get(url(account, number=2)).status_code == 404
    assert signed_in.get(url(account, "refund", 99)).status_code == 404
    assert signed_in.get(url(account, "refund", 10**30)).status_code == 404


def test_a_fragment_is_the_dialog_alone(signed_in: Client, account: Account) -> None:
    response = signed_in.get(url(account), headers={"HX-Request": "true"})

    assertContains(response, '<h2 id="modal-h">Request a refund</h2>')
    assert not re.search("<html", response.content.decode())
