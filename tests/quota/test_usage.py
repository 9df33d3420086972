"""*Usage and ledger*: what it shows adds up to the ledger, to the day and the entry."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.db import connection
from django.db.models import F, Sum
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.models import Account
from quota.models import LedgerEntry, UsageBin
from quota.pages.charts import Day, chart
from quota.pages.header import open_windows
from quota.pages.usage import Asked, spent_since, usage_days, usage_page
from quota.pages.words import Clock
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = pytest.mark.django_db
URL = "/a/halden-pay/usage"


@pytest.fixture
def account(now: datetime) -> Account:
    """Bought at ``now``; two images scanned, one again the next day, one failed."""
    account = account_with(now=now, zone="Asia/Kathmandu")
    images = ImageFactory.create_batch(3, account=account)
    press(account, images[:2], now)
    finish(account, now)
    press(account, images[:1], now + timedelta(days=1))
    finish(account, now + timedelta(days=1))
    press(account, images[2:], now + timedelta(days=1))
    finish(account, now + timedelta(days=1), fails=True)
    return account


def _rolled_up(account: Account) -> dict[tuple[str, str], tuple[int, int]]:
    bins = UsageBin.objects.filter(account=account).values_list("kind", "reason")
    summed = bins.annotate(Sum("tenths"), Sum("entries"))
    return {(kind, reason): (tenths, n) for kind, reason, tenths, n in summed}


def test_the_roll_up_is_the_ledger(account: Account) -> None:
    entries = LedgerEntry.objects.filter(account=account)
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        tenths, count = expected.get((entry.kind, entry.reason), (0, 0))
        expected[entry.kind, entry.reason] = (tenths + entry.tenths, count + 1)

    assert _rolled_up(account) == expected
    assert expected["settle", "first"] == (20, 2)
    assert expected["settle", "repeat"] == (1, 1)


def test_reconcile_sees_a_roll_up_that_is_not_the_ledger(account: Account) -> None:
    assert not [proof for proof in reconcile() if proof.broken]

    UsageBin.objects.filter(account=account, kind="settle").update(
        tenths=F("tenths") + 1
    )

    (broken,) = [proof for proof in reconcile() if proof.broken]
    assert broken.claim == "the roll-up of usage equals the ledger"


def test_days_begin_at_midnight_of_the_accounts_zone(account: Account) -> None:
    now = datetime(2026, 11, 26, 9, tzinfo=UTC)
    days = usage_days(account, open_windows(account, now), Clock(account, now))

    used = {day.date: (day.first_tenths, day.repeat_tenths) for day in days}

    assert used["2026-11-24"] == (20, 0)
    assert used["2026-11-25"] == (0, 1)
    assert sum(map(sum, used.values())) == 21


def test_a_failed_scan_is_not_spent(account: Account, now: datetime) -> None:
    assert spent_since(account, now - timedelta(days=1)) == 21
    assert spent_since(account, now + timedelta(hours=12)) == 1


def test_the_page_shows_totals_bars_and_entries(
    client: Client, account: Account, now: datetime
) -> None:
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(creator_of(account))
        content = client.get(URL).content.decode()

    assert "2 scans × 1" in content
    assert "1 scan × 0.1" in content
    assert 'class="chart" role="img" aria-label="Quota used by the day' in content
    assert content.count("Returned</span>") == 1
    assert content.count("Repeat scan</span>") == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("kind=first", 2),
        ("kind=release", 1),
        ("kind=grant", 2),
        ("day=2026-11-25", 4),
        ("day=2026-11-25&kind=repeat", 1),
        ("day=2020-01-01", 0),
        ("kind=nonsense&day=nonsense", 10),
    ],
)
def test_entries_are_filtered_on_the_page_and_in_the_download(
    client: Client, account: Account, now: datetime, query: str, count: int
) -> None:
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(creator_of(account))
        content = client.get(f"{URL}?{query}").content.decode()
        download = client.get(f"{URL}.csv?{query}")

    lines = list(csv.reader(StringIO(download.getvalue().decode())))
    assert len(lines) - 1 == count
    assert content.count('class="tag ') == count


def test_a_cell_of_the_download_is_never_a_formula(
    client: Client, account: Account, now: datetime
) -> None:
    person = creator_of(account)
    person.name = "=HYPERLINK(1)"
    person.save(update_fields=["name"])
    image = ImageFactory.create(account=account)
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(person)
        client.post(
            "/a/halden-pay/images/local/scan",
            {
                "scope": "selected",
                "image": image.pk,
                "categories": ["trojans"],
                "key": "0b9f8d3e-6f5d-4a53-a7a6-0d8f1f4f8a11",
            },
        )
        download = client.get(f"{URL}.csv")

    cells = [
        cell
        for line in csv.reader(StringIO(download.getvalue().decode()))
        for cell in line
    ]
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t"}]


def test_an_unknown_place_is_refused_with_a_sentence(
    client: Client, account: Account
) -> None:
    client.force_login(creator_of(account))

    answer = client.get(f"{URL}?after=nonsense")

    assert answer.status_code == 422
    assert "not known" in answer.content.decode()


def test_every_member_sees_usage_and_a_stranger_nothing(
    client: Client, account: Account, now: datetime
) -> None:
    client.force_login(member_of(account))
    assert client.get(URL).status_code == 200
    assert client.get(f"{URL}.csv").status_code == 200

    client.force_login(creator_of(account_with(now=now, slug="other")))
    assert client.get(URL).status_code == 404
    assert client.get(f"{URL}.csv").status_code == 404
    assert client.post(URL).status_code == 405


def test_an_account_without_quota_sees_that_there_is_none(
    client: Client, now: datetime
) -> None:
    client.force_login(creator_of(account_with(quantity=0, now=now)))

    assert "No entries yet." in client.get(URL).content.decode()


def test_the_queries_do_not_grow_with_the_entries(
    account: Account, now: datetime
) -> None:
    later = now + timedelta(days=2)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            usage_page(account, Asked(), "", later)
        counts.append(len(queries))
        press(account, ImageFactory.create_batch(30, account=account), later)
        finish(account, later)

    assert counts[0] == counts[1] <= 6


def test_a_day_says_what_it_was_used_for() -> None:
    day = Day("2026-11-24", "Tue 24 Nov", "24 Nov", 24, 1, 3, 10, 3, is_past=True)

    drawn = chart([day])

    (bar,) = drawn.bars
    assert bar.title == "Tue 24 Nov: 1.3 (1 first scan, 3 repeat scans)"
    assert escape(bar.used) == "1.3"
    assert drawn.levels[0].words == "0"
