"""Asking for access, where a right is missing; searching, where nothing is found."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, Member, Notice
from accounts.services import composing
from tests.factories import UserFactory, account_with, creator_of, member_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now)


@pytest.fixture
def asking(client: Client, account: Account) -> Client:
    client.force_login(member_of(account, resource=True))
    return client


def ask_url(account: Account) -> str:
    return reverse("accounts:ask-access", args=[account.slug])


def test_the_page_that_a_right_is_missing_for_offers_to_ask(
    asking: Client, account: Account
) -> None:
    page = asking.get(reverse("quota:orders", args=[account.slug]))

    assertContains(page, "Ask for access", status_code=403)
    assertContains(page, 'name="right" value="money"', status_code=403)
    assertContains(page, f'action="{ask_url(account)}"', status_code=403)


def test_the_creator_is_told_once_a_day_for_each_person_and_right(
    asking: Client,
    account: Account,
    clock: "time_machine.Traveller",
    now: datetime,
) -> None:
    creator = creator_of(account)

    first = asking.post(ask_url(account), {"right": "money"}, follow=True)
    again = asking.post(ask_url(account), {"right": "money"}, follow=True)

    assertContains(first, f"{creator} was asked for access.")
    assertContains(again, f"{creator} was asked for access today already.")
    notice = Notice.objects.get(kind="access_asked")
    assert notice.user == creator
    message = composing.compose(notice, now)
    assert message.subject.endswith("asks for the right to buy and see the balance")
    assert f"/a/{account.slug}/members" in message.text
    clock.move_to(now + timedelta(days=1))
    asking.force_login(Member.objects.get(is_global_resource=True).user)
    asking.post(ask_url(account), {"right": "money"})
    assert Notice.objects.filter(kind="access_asked").count() == 2


@pytest.mark.parametrize(
    ("right", "status"), [("scan", 409), ("members", 422), ("", 422), ("all", 422)]
)
def test_what_one_has_or_cannot_be_given_is_not_asked_for(
    asking: Client, account: Account, right: str, status: int
) -> None:
    assert asking.post(ask_url(account), {"right": right}).status_code == status
    assert not Notice.objects.filter(kind="access_asked").exists()


def test_what_only_the_creator_may_is_not_offered(
    asking: Client, account: Account
) -> None:
    page = asking.get(reverse("accounts:invite", args=[account.slug]))

    assertNotContains(page, "Ask for access", status_code=403)


def test_a_stranger_asks_for_nothing(client: Client, account: Account) -> None:
    client.force_login(UserFactory.create())

    assert client.post(ask_url(account), {"right": "scan"}).status_code == 404


def test_asking_is_a_post(asking: Client, account: Account) -> None:
    assert asking.get(ask_url(account)).status_code == 405


def test_a_page_that_is_not_there_offers_to_search(
    asking: Client, account: Account
) -> None:
    digest = f"sha256:{'0' * 64}"
    page = asking.get(reverse("quota:image", args=[account.slug, "local", digest]))

    images = reverse("quota:images", args=[account.slug, "local"])
    assertContains(page, f'method="get" action="{images}"', status_code=404)
    assertContains(page, 'name="q" type="search"', status_code=404)
