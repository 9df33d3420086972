"""Deciding refunds in the admin, through HTTP and without JavaScript."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, User
from quota.models import Order, OrderLine, RefundRequest
from quota.services import refunding
from quota.services.refunding import Asked
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
VIEW = ("view_refundrequest", "view_ledgerentry")
DECIDE = (*VIEW, "process_refund")


@pytest.fixture
def refund(now: datetime) -> RefundRequest:
    account = account_with(now=now - timedelta(days=5))
    return asked(account, now - timedelta(days=4))


def asked(account: Account, now: datetime) -> RefundRequest:
    return refunding.request(
        account=account,
        line=OrderLine.objects.filter(account=account, kind="pack").latest("pk"),
        asked=Asked(RefundRequest.Reason.MOVING, "Another registry."),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )


def staff(client: Client, *codenames: str) -> User:
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def url(act: str, refund: RefundRequest) -> str:
    return reverse(f"admin:quota_refundrequest_{act}", args=[refund.pk])


def use(account: Account, images: int, now: datetime) -> None:
    press(account, ImageFactory.create_batch(images, account=account), now)
    finish(account, now)


def decide(client: Client, refund: RefundRequest, **changes: str) -> Any:
    data = {"seen": "36.00", "amount": "36.00", "answer": "", "holds": ""}
    return client.post(url("approve", refund), {**data, **changes})


def test_the_queue_is_oldest_first_and_marks_the_late(
    client: Client, refund: RefundRequest, now: datetime
) -> None:
    staff(client, *VIEW)
    newer = asked(account_with(now=now, slug="other"), now)

    page = client.get(reverse("admin:quota_refundrequest_changelist"))

    text = page.content.decode()
    assert text.index(f">{refund.label}<") < text.index(f">{newer.label}<")
    assert text.count("⚠ Late") == 1
    assertContains(page, "4 days")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=approved", 0), ("state=all", 1), ("age=late", 1), ("age=day", 0),
        ("amount=50", 1), ("amount=more", 0), ("of=halden-pay", 1), ("of=x", 0),
        ("q=halden-pay", 1), ("q=R-{pk}", 1), ("q=nobody", 0),
    ],
)  # fmt: skip
def test_the_queue_is_filtered(
    client: Client, refund: RefundRequest, query: str, found: int
) -> None:
    staff(client, *VIEW)
    address = reverse("admin:quota_refundrequest_changelist")

    page = client.get(f"{address}?{query.format(pk=refund.pk)}")

    assert page.content.decode().count('class="field-request"') == found


def test_the_page_shows_then_beside_now_with_differences_marked(
    client: Client, refund: RefundRequest, now: datetime
) -> None:
    staff(client, *DECIDE)
    use(refund.account, 20, now)

    page = client.get(url("change", refund))

    for words in (
        "$36.00", "$34.80", "−$1.200", 'class="differs"', "Another registry.",
        "580 quota removed", "Balance $1,000.00 → $1,034.80", "⚠ Late",
    ):  # fmt: skip
        assertContains(page, words)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"\sstyle=|<style|<script>", page.content.decode())


def test_approving_asks_once_more_and_then_pays(
    client: Client, refund: RefundRequest
) -> None:
    staff(client, *DECIDE)

    sure = decide(client, refund)
    assertContains(sure, "Approve $36.00 to Halden Pay?")
    assertContains(sure, "Yes, approve $36.00")
    assert not Order.objects.filter(kind="refund").exists()
    done = client.post(
        url("approve", refund),
        {"seen": "36.00", "amount": "36.00", "answer": "", "holds": "", "sure": "1"},
        follow=True,
    )

    assertContains(done, "$36.00 added to Halden Pay")
    assert Order.objects.get(kind="refund").total == Decimal("36.00")


def test_a_stale_page_gets_409_and_the_new_figure(
    client: Client, refund: RefundRequest, now: datetime
) -> None:
    staff(client, *DECIDE)
    use(refund.account, 10, now)

    response = decide(client, refund, sure="1")

    assertContains(response, "Refundable is now $35.40", status_code=409)
    assertContains(response, 'name="seen" value="35.40"', status_code=409)
    assert not Order.objects.filter(kind="refund").exists()


def test_a_second_click_is_told_who_was_first(
    client: Client, refund: RefundRequest
) -> None:
    user = staff(client, *DECIDE)
    decide(client, refund, sure="1")

    response = decide(client, refund, sure="1")

    assertContains(response, f"already approved by {user}", status_code=409)
    assert Order.objects.filter(kind="refund").count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "99.00", "answer": "More."}, "more than is refundable"),
        ({"amount": "30.00"}, "Give a reason the customer can read."),
        ({"amount": "lots"}, "Enter an amount such as 35.35."),
        ({"amount": "30.005"}, "Enter whole cents."),
        ({"amount": "1e9999999"}, "Enter an amount"),
        ({"amount": "NaN"}, "Enter an amount"),
        ({"amount": ""}, "Enter the amount"),
    ],
)
def test_what_cannot_be_approved_is_said_and_what_was_typed_stays(
    client: Client, refund: RefundRequest, changes: dict[str, str], words: str
) -> None:
    staff(client, *DECIDE)

    response = decide(client, refund, sure="1", **changes)

    assertContains(response, words, status_code=422)
    if changes["amount"]:
        assertContains(response, f'value="{changes["amount"]}"', status_code=422)


def test_scans_in_flight_offer_stop_and_wait(
    client: Client, refund: RefundRequest, now: datetime
) -> None:
    staff(client, *DECIDE)
    press(refund.account, ImageFactory.create_batch(2, account=refund.account), now)

    assertContains(client.get(url("change", refund)), "Scans in flight hold 2 quota")
    refused = decide(client, refund, sure="1")
    waiting = client.post(
        url("approve", refund),
        {"seen": "36.00", "amount": "36.00", "holds": "wait", "sure": "1"},
        follow=True,
    )

    assertContains(refused, "stop or wait", status_code=422)
    assertContains(waiting, "paid when the running scans have ended")


def test_rejecting_needs_a_reason(client: Client, refund: RefundRequest) -> None:
    staff(client, *DECIDE)

    empty = client.post(url("reject", refund), {"answer": ""})
    done = client.post(url("reject", refund), {"answer": "Not yet."}, follow=True)

    assertContains(empty, "Give a reason the customer can read.", status_code=422)
    assertContains(done, "Not approved")


def test_a_large_refund_waits_for_a_second_person(
    client: Client, refund: RefundRequest, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    staff(client, *DECIDE, "confirm_large_refund")
    decide(client, refund, sure="1")
    mine = client.get(url("change", refund))
    staff(client, *VIEW, "confirm_large_refund")
    theirs = client.get(url("change", refund))
    sure = client.post(url("confirm", refund), {"seen": "36.00"})
    done = client.post(
        url("confirm", refund), {"seen": "36.00", "sure": "1"}, follow=True
    )

    assertNotContains(mine, "Confirm refund …")
    assertContains(theirs, "Confirm refund …")
    assertContains(sure, "Yes, approve $36.00")
    assertContains(done, "$36.00 added to Halden Pay")


def test_assigning_one_and_many(client: Client, refund: RefundRequest) -> None:
    user = staff(client, *DECIDE)
    client.post(url("assign", refund))
    assertContains(client.get(url("change", refund)), f"Assigned to {user}")

    other = staff(client, *DECIDE)
    response = client.post(
        reverse("admin:quota_refundrequest_changelist"),
        {"action": "assign_to_me", "_selected_action": [refund.pk]},
        follow=True,
    )

    assertContains(response, f"{refund.label} is yours.")
    assert RefundRequest.objects.get().assigned_to == other


def test_the_entries_and_the_queue_as_csv(
    client: Client, refund: RefundRequest, now: datetime
) -> None:
    staff(client, *DECIDE)
    use(refund.account, 1, now)

    entries = b"".join(client.get(url("entries", refund)))
    queue = b"".join(client.get(reverse("admin:quota_refundrequest_csv")))

    assert entries.count(b"grant") == 2
    assert entries.count(b"settle") == 1
    assert b"halden-pay" in queue


def test_each_act_needs_its_right(client: Client, refund: RefundRequest) -> None:
    staff(client, *VIEW)

    acts = ("assign", "approve", "confirm", "reject")
    assert [client.post(url(act, refund)).status_code for act in acts] == [403] * 4
    assertNotContains(client.get(url("change", refund)), "Reject request")
    staff(client)
    assert client.get(url("change", refund)).status_code == 403
    assert client.get(url("entries", refund)).status_code == 403
