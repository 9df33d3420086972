"""*Ask for more quota*: from the dialog and the overview, once a day, to whoever may
buy."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import Account, AuditEntry, Notice, User
from accounts.services import composing
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
ALL = {"scope": "all", "categories": ["trojans"]}


@pytest.fixture
def account(now: datetime) -> Account:
    """300 quota and 311 images that were never scanned."""
    account = account_with(now=now - timedelta(days=3))
    ImageFactory.create_batch(311, account=account)
    return account


@pytest.fixture
def buyer(account: Account) -> User:
    return member_of(account, financial=True)


@pytest.fixture
def asking(client: Client, account: Account) -> Client:
    """Who scans but cannot buy."""
    client.force_login(member_of(account, resource=True))
    return client


def ask_url(account: Account) -> str:
    return reverse("quota:ask-for-scan", args=[account.slug, "local"])


def ask(client: Client, account: Account, **more: object) -> Any:
    return client.post(
        ask_url(account), {**ALL, **more}, headers={"HX-Request": "true"}
    )


def test_the_dialog_says_who_buys_and_has_a_button_to_ask(
    asking: Client, account: Account, buyer: User
) -> None:
    dialog = asking.get(url("scan-now", account), ALL)

    names = " or ".join(sorted(map(str, (buyer, creator_of(account)))))
    assertContains(dialog, escape(f"Buying is done by {names}."))
    assertContains(dialog, f'formaction="{ask_url(account)}"')
    assertContains(dialog, "Scan the 300 that fit")


def test_one_press_tells_everyone_who_may_buy_what_is_missing(
    asking: Client, account: Account, buyer: User, now: datetime
) -> None:
    viewer = member_of(account)

    answer = ask(asking, account)

    assertContains(answer, "were asked for 11 more quota.")
    told = Notice.objects.filter(kind="quota_asked")
    assert {notice.user for notice in told} == {creator_of(account), buyer}
    assert viewer not in {notice.user for notice in told}
    mail = composing.compose(told.get(user=buyer), now)
    assert mail.subject.endswith("asks for 11 more quota")
    assert "needed for a scan of 311 local images" in mail.text
    assert f"/a/{account.slug}/subscription/purchase?quantity=300" in mail.text
    entry = AuditEntry.objects.get(account=account)
    assert entry.act == "More quota asked for"
    assert entry.after == {
        "missing": "11", "what": "a scan of 311 local images", "quantity": "300",
    }  # fmt: skip


def test_the_notice_leads_to_the_purchase_filled_in(
    asking: Client, client: Client, account: Account, buyer: User
) -> None:
    ImageFactory.create_batch(300, account=account)
    ask(asking, account)
    client.force_login(buyer)
    link = f"/a/{account.slug}/subscription/purchase?quantity=600"

    assertContains(client.get(f"/a/{account.slug}/notices"), f'href="{link}"')
    assertContains(client.get(link), 'name="quantity" inputmode="numeric" value="600"')


def test_pressed_again_within_a_day_it_says_so_and_tells_nobody_twice(
    asking: Client, account: Account, clock: "time_machine.Traveller", now: datetime
) -> None:
    ask(asking, account)

    again = ask(asking, account)

    assertContains(again, "was asked for more quota today already.")
    assert Notice.objects.filter(kind="quota_asked").count() == 1
    clock.move_to(now + timedelta(days=1))
    asking.force_login(User.objects.get(memberships__is_global_resource=True))
    assertContains(ask(asking, account), "was asked for 11 more quota.")
    assert Notice.objects.filter(kind="quota_asked").count() == 2


def test_without_javascript_the_dialog_comes_back_as_it_was(
    asking: Client, account: Account
) -> None:
    chosen = {**ALL, "agreed_set": "1.1", "left_out": "sandbox/*"}

    answer = asking.post(ask_url(account), chosen)

    assert answer.status_code == 302
    assert "scope=all&categories=trojans&left_out=" in answer.headers["Location"]
    page = asking.get(answer.headers["Location"])
    assertContains(page, "was asked for")


def test_the_overview_asks_for_what_the_month_is_short(
    asking: Client, account: Account, now: datetime
) -> None:
    images = list(account.image_set.order_by("pk")[:100])
    press(account, images, now - timedelta(days=1))
    finish(account, now - timedelta(days=1))
    front, ask_for = (
        account.get_absolute_url(), reverse("quota:ask-for-quota", args=[account.slug])
    )  # fmt: skip
    assertContains(asking.get(front), f'action="{ask_for}"')

    answer = asking.post(ask_for)

    assertRedirects(answer, front, fetch_redirect_response=False)
    assertContains(asking.get(front), "was asked for 700 more quota.")
    context = Notice.objects.get(kind="quota_asked").context
    assert (context["quantity"], context["what"]) == ("900", "this month")


def test_who_may_buy_is_offered_that_and_cannot_ask(
    client: Client, account: Account
) -> None:
    client.force_login(creator_of(account))

    dialog = client.get(url("scan-now", account), ALL)

    assertNotContains(dialog, "Ask for more quota")
    assert ask(client, account).status_code == 409
    assert not Notice.objects.filter(kind="quota_asked").exists()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"scope": "recommended"}, 409),
        ({"scope": "galaxy"}, 422),
        ({"scope": "selected", "image": []}, 422),
        ({"scope": "selected", "image": "x"}, 422),
        ({"categories": []}, 200),
    ],
)
def test_what_fits_or_cannot_be_read_is_not_asked_for(
    asking: Client, account: Account, given: dict[str, object], status: int
) -> None:
    assert ask(asking, account, **given).status_code == status
    assert Notice.objects.filter(kind="quota_asked").exists() is (status == 200)


def test_a_flood_of_presses_is_refused(asking: Client, account: Account) -> None:
    statuses = [ask(asking, account).status_code for _ in range(21)]

    assert statuses == [200] * 20 + [429]
