"""The front door: to the only account, or to a choice that says where each stands."""

import re
from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertRedirects

from accounts.models import Account, Member, User
from tests.factories import ImageFactory, UserFactory, account_with, finish, press

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei(client: Client) -> User:
    mei = UserFactory.create()
    client.force_login(mei)
    return mei


def let_in(user: User, *accounts: Account) -> None:
    for account in accounts:
        Member.objects.create(user=user, account=account)


def rows(html: str) -> list[str]:
    """The words of each row of the table."""
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split())
        for row in re.findall(r"<tr><td>(.*?)</tr>", html, re.DOTALL)
    ]


def test_the_only_account_is_where_one_goes(
    client: Client, mei: User, now: datetime
) -> None:
    account = account_with(now=now)
    let_in(mei, account)

    response = client.get("/")

    assertRedirects(response, account.get_absolute_url(), fetch_redirect_response=False)


def test_who_has_none_is_told_whom_to_ask(client: Client, mei: User) -> None:
    assertContains(client.get("/"), "Ask the creator of an account to let you in.")


def test_each_account_says_where_it_stands(
    client: Client, mei: User, now: datetime
) -> None:
    active = account_with(quantity=600, now=now, slug="active")
    suspended = account_with(months=1, now=now - timedelta(days=32), slug="suspended")
    over = account_with(months=1, now=now - timedelta(days=90), slug="over")
    let_in(mei, active, suspended, over)
    press(active, [ImageFactory.create(account=active)], now)
    finish(active, now)

    with time_machine.travel(now, tick=False):
        response = client.get("/")

    assert rows(response.content.decode()) == [
        "Halden Pay Active Until 24 Jan 2027 599 of 600 Resets 24 Dec",
        "Halden Pay Suspended Renew by Sat 28 Nov, 09:00 to keep scan results.",
        "Halden Pay None",
    ]


def test_more_accounts_ask_no_more(
    client: Client,
    mei: User,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    let_in(mei, *(account_with(now=now, slug=f"few-{n}") for n in range(2)))
    with django_assert_max_num_queries(20) as few:
        client.get("/")
    let_in(mei, *(account_with(now=now, slug=f"more-{n}") for n in range(3)))

    with django_assert_max_num_queries(len(few)):
        client.get("/")
