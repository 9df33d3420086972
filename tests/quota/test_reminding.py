"""Expiry reminders and arrears: to whom, when, once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Member, Notice, User
from accounts.pages.notices import latest_notices
from accounts.services import composing
from quota.models import Subscription
from quota.services import auto_renewal, reminding
from tests.factories import account_with, creator_of, member_of, renew

pytestmark = pytest.mark.django_db
BOUGHT = datetime(2026, 1, 15, 6, tzinfo=UTC)  # 14:00 in Singapore
END = datetime(2026, 3, 15, 6, tzinfo=UTC)
NINE = datetime(2026, 3, 8, 1, tzinfo=UTC)  # 09:00 there, seven dates before


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT, zone="Asia/Singapore", spare=5)


def owed(kind: str) -> Counter[tuple[str, str, str]]:
    rows = Notice.objects.filter(kind=kind).select_related("user")
    return Counter(
        (str(row.user), row.channel, row.subject.rpartition(":")[2]) for row in rows
    )


def every_half_hour(first: datetime, last: datetime) -> None:
    now = first
    while now <= last:
        reminding.remind(now=now)
        reminding.remind(now=now)
        now += timedelta(minutes=30)


def test_once_everyone_was_told_each_minute_asks_three_queries(
    account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for slug in ("one", "two", "three"):
        account_with(now=BOUGHT, zone="Asia/Singapore", slug=slug)

    assert reminding.remind(now=NINE) == 4
    with django_assert_num_queries(3):
        assert reminding.remind(now=NINE) == 0


def test_seven_reminders_to_those_in_charge_by_both_channels(account: Account) -> None:
    people = [
        creator_of(account),
        member_of(account, resource=True),
        member_of(account, financial=True),
        member_of(account, resource=True, financial=True),
    ]
    member_of(account)

    every_half_hour(NINE - timedelta(hours=9), END - timedelta(minutes=30))

    assert owed("expiry_reminder") == Counter(
        (str(person), channel, f"2026-03-{day:02}")
        for person in people
        for channel in ("email", "sms")
        for day in range(8, 15)
    )
    assert owed("arrears") == Counter()


def test_six_arrears_to_everyone(account: Account) -> None:
    people = [creator_of(account), member_of(account)]

    every_half_hour(END, END + timedelta(days=7))

    assert owed("arrears") == Counter(
        (str(person), channel, f"2026-03-{day}")
        for person in people
        for channel in ("email", "sms")
        for day in range(15, 21)
    )


def test_a_reminder_says_what_will_happen_without_amounts(account: Account) -> None:
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)

    reminding.remind(now=NINE)

    reminder = Notice.objects.filter(kind="expiry_reminder").earliest("pk")
    assert reminder.context == {
        "days": "7 days",
        "ends": "Sun 15 Mar 2026, 14:00",
        "auto_renewal": True,
        "covered": False,
    }


def test_the_last_reminder_is_of_one_day_and_says_that_the_balance_covers_it() -> None:
    account = account_with(now=BOUGHT, zone="Asia/Singapore", spare=100)
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)

    for days in (5, 6):
        reminding.remind(now=NINE + timedelta(days=days))

    reminders = Notice.objects.filter(kind="expiry_reminder").order_by("pk")
    contexts = list(reminders.values_list("context", flat=True))
    assert (contexts[0]["days"], contexts[-1]["days"]) == ("2 days", "1 day")
    assert contexts[-1]["covered"] is True


def test_arrears_say_until_when_and_what_then(account: Account) -> None:
    reminding.remind(now=END)

    assert Notice.objects.filter(kind="arrears").earliest("pk").context == {
        "ended": "Sun 15 Mar 2026, 14:00",
        "renew_by": "Fri 20 Mar 2026, 14:00",
        "deleted": "Sat 21 Mar 2026, 14:00",
    }


@pytest.mark.parametrize(
    ("day", "says", "leads"),
    [
        (19, "Renew by Fri 20 Mar 2026, 02:00", "Renew"),
        (20, "Renewal has closed", "View subscription"),
    ],
)
def test_arrears_ask_for_a_renewal_only_while_it_is_possible(
    day: int, says: str, leads: str
) -> None:
    at_two = BOUGHT - timedelta(hours=12)  # in Singapore
    account = account_with(now=at_two, zone="Asia/Singapore")
    User.objects.update(phone="+6591234567")
    nine = datetime(2026, 3, day, 1, tzinfo=UTC)

    reminding.remind(now=nine)

    (row,) = latest_notices(Member.objects.get(account=account), nine, 1)
    mail, sms = (
        composing.compose(notice, nine)
        for notice in Notice.objects.filter(kind="arrears").order_by("channel")
    )
    for words in (row.line, mail.text, mail.html, sms.text):
        assert says in words
        assert ("Renew by" in words) is ("Renew by" in says)
    for words in (mail.text, mail.html):
        assert "can be exported" in words
        assert "deleted around Sat 21 Mar 2026, 02:00" in words
    assert row.action == leads
    assert f">{leads}</a>" in mail.html
    assert len(sms.text) <= 306


def test_a_missed_day_is_not_made_up(account: Account) -> None:
    reminding.remind(now=NINE)
    reminding.remind(now=NINE + timedelta(days=2))

    days = {day for _, _, day in owed("expiry_reminder")}
    assert days == {"2026-03-08", "2026-03-10"}


def test_a_renewal_stops_the_rest(account: Account) -> None:
    reminding.remind(now=NINE)
    Account.objects.update(balance=100)
    renew(account, NINE + timedelta(hours=1), months=1)

    every_half_hour(NINE + timedelta(days=1), END + timedelta(days=1))

    assert {day for _, _, day in owed("expiry_reminder")} == {"2026-03-08"}
    assert owed("arrears") == Counter()


def lines(day: str) -> list[str]:
    out = StringIO()
    with time_machine.travel(BOUGHT, tick=False):
        call_command("lifecycle", at=datetime.fromisoformat(day).date(), stdout=out)
    return out.getvalue().splitlines()


def test_a_dry_run_counts_the_attempts_of_a_day() -> None:
    at_one = BOUGHT.replace(hour=17) - timedelta(days=1)  # 01:00 in Singapore
    account = account_with(now=at_one, zone="Asia/Singapore", spare=100)
    auto_renewal.switch(account=account, on=True, by=None, now=at_one)

    assert lines("2026-03-15")[0].endswith("covered, up to 2 times")


def test_a_dry_run_lists_a_date_and_changes_nothing(account: Account) -> None:
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)
    before = (Notice.objects.count(), list(Subscription.objects.values()))

    assert lines("2026-03-07") == ["Nothing would happen."]
    assert lines("2026-03-08") == [
        "2026-03-08 01:00:00Z  halden-pay: expiry reminder",
    ]
    assert lines("2026-03-15") == [
        "2026-03-14 16:00:00Z  halden-pay: auto-renewal for $24.75, $19.75 short,"
        " up to 15 times",
        "2026-03-15 06:00:00Z  halden-pay: Professional Edition ends; scanning stops",
        "2026-03-15 06:00:00Z  halden-pay: arrears: service isolated",
    ]
    last = [
        "2026-03-20 01:00:00Z  halden-pay: arrears: service isolated",
        "2026-03-20 06:00:00Z  halden-pay: auto-renewal for $24.75, $19.75 short",
        "2026-03-20 06:00:00Z  halden-pay: last instant of renewal",
    ]
    assert lines("2026-03-20") == last
    assert lines("2026-03-21") == [
        "2026-03-21 06:00:00Z  halden-pay: terminated; data deleted",
    ]
    assert (Notice.objects.count(), list(Subscription.objects.values())) == before
    auto_renewal.switch(account=account, on=False, by=None, now=BOUGHT)
    assert lines("2026-03-20") == [last[0], last[2]]
