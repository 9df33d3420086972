"""*Usage and ledger*: what it shows adds up to the ledger, to the day and the entry."""

import csv
import re
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from io import StringIO

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.models import Account
from quota.models import (
    LedgerBatch,
    LedgerEntry,
    QuotaWindow,
    ScanTask,
)
from quota.pages.charge import charge
from quota.pages.charts import Day, chart
from quota.pages.ledger_filter import Asked
from quota.pages.usage import usage_page
from quota.pages.words import Clock
from quota.quotes import Basket
from quota.services.windows import lapse_ended
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.quota.spent import spent

pytestmark = pytest.mark.django_db

URL = "/a/halden-pay/usage"


@pytest.fixture
def account(now: datetime) -> Account:
    return spent(now)


def test_the_page_shows_totals_bars_and_entries(
    client: Client, account: Account, now: datetime
) -> None:
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(creator_of(account))
        content = client.get(URL).content.decode()

    assert "2 scans × 1" in content
    assert "1 scan × 0.1" in content
    assert 'role="img" aria-label="Quota used by the day' in content
    assert content.count("Returned</span>") == 1
    assert content.count("Repeat scan</span>") == 1


def test_a_scan_that_draws_from_two_months_is_one_scan(now: datetime) -> None:
    account = account_with(now=now)
    buy(account, Basket(quantity=300), now + timedelta(hours=1))
    later = now + timedelta(days=1)
    images = ImageFactory.create_batch(300, account=account)
    for chosen in (images[:1], images[:1], images[1:]):
        press(account, chosen, later)
        finish(account, later)

    page = usage_page(account, Asked(), "", later)
    (month, _) = QuotaWindow.objects.filter(number=0).order_by("pk")
    alone = usage_page(account, Asked(month=str(month.pk)), "", later)

    # 1 and 0.1 leave 298.9 of the first month: 298 firsts, and 0.9 of another.
    assert page.totals
    assert alone.totals
    assert page.totals.firsts_note == "300 scans × 1"
    assert page.totals.repeats_note == "1 scan × 0.1"
    assert "300 first scans" in str(page.chart)
    assert (alone.totals.firsts, alone.totals.firsts_note) == ("299.9", "300 scans")


@pytest.mark.parametrize(
    ("query", "lines", "count"),
    [
        ("kind=first", 1, 2),
        ("kind=release", 1, 1),
        ("kind=grant", 2, 2),
        ("day=2026-11-25", 4, 4),
        ("day=2026-11-25&kind=repeat", 1, 1),
        ("day=2020-01-01", 0, 0),
        ("kind=nonsense&day=nonsense&month=nonsense", 8, 10),
        ("day=9999-12-31", 8, 10),
        ("day=0001-01-01", 8, 10),
        ("month={window}", 7, 9),
        ("month={window}&kind=hold&q=task {task}", 1, 2),
        ("q={task}", 2, 4),
        ("q=mei", 2, 4),
        ("q=schedule", 4, 4),
        ("q=app-twice", 4, 4),
        ("q=mei&of=images", 0, 0),
        ("q=nobody", 0, 0),
        ("month=999999999", 0, 0),
    ],
)
def test_entries_are_filtered_on_the_page_and_in_the_download(
    client: Client,
    account: Account,
    now: datetime,
    query: str,
    lines: int,
    count: int,
) -> None:
    query = query.format(
        window=QuotaWindow.objects.order_by("number")[0].pk,
        task=ScanTask.objects.order_by("pk")[0].pk,
    )
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(creator_of(account))
        content = client.get(f"{URL}?{query}").content.decode()
        download = client.get(f"{URL}.csv?{query}")

    downloaded = list(csv.reader(StringIO(download.getvalue().decode())))
    assert len(downloaded) - 1 == count
    assert content.count('<span class="tag ') == lines
    assert f"{count} entr" in content


def test_the_download_adds_up_to_the_totals(
    client: Client, account: Account, now: datetime
) -> None:
    window = QuotaWindow.objects.order_by("number")[0]
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(creator_of(account))
        page = client.get(f"{URL}?month={window.pk}").content.decode()
        download = client.get(f"{URL}.csv?month={window.pk}").getvalue().decode()

    used: dict[str, Decimal] = {"First scan": Decimal(0), "Repeat scan": Decimal(0)}
    for line in csv.DictReader(StringIO(download)):
        if line["Type"] in used:
            used[line["Type"]] += Decimal(line["Used"])
    assert used == {"First scan": Decimal("2.0"), "Repeat scan": Decimal("0.1")}
    assert "<dt>First scans</dt><dd>2 " in page
    assert "<dt>Repeat scans</dt><dd>0.1 " in page
    assert "<dt>Left</dt><dd>297.9 " in page


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

    assert counts[0] == counts[1] <= 10


def test_a_day_says_what_it_was_used_for() -> None:
    day = Day("2026-11-24", "Tue 24 Nov", "24 Nov", 24, 1, 3, 10, 3, is_past=True)

    drawn = chart([day])

    (bar,) = drawn.bars
    assert bar.title == "Tue 24 Nov: 1.3 (1 first scan, 3 repeat scans)"
    assert escape(bar.used) == "1.3"
    assert drawn.levels[0].words == "0"


def test_every_entry_says_why_it_is_what_it_is(
    client: Client, account: Account, now: datetime
) -> None:
    client.force_login(creator_of(account))
    said: dict[tuple[str, str], str] = {}
    with time_machine.travel(now + timedelta(days=2)):
        for entry in LedgerEntry.objects.order_by("-pk"):
            page = client.get(f"{URL}/entries/{entry.pk}")
            assert page.status_code == 200
            said[entry.kind, entry.reason] = page.content.decode()

    first = ScanTask.objects.order_by("pk")[0]
    assert "First scan: there was no result for this image" in said["settle", "first"]
    assert "worth $0.06" in said["settle", "first"]
    repeat = said["settle", "repeat"]
    assert "Repeat scan: there was a result for this image" in repeat
    assert f"of task {first.pk}" in repeat
    assert "worth $0.006" in repeat
    assert "Schedule" in repeat
    assert "without a result (failed): free" in said["release", "first"]
    assert "Mei Tanaka" in said["hold", "first"]
    assert "granted whole when it was paid" in said["grant", ""]


def test_the_order_of_a_month_is_linked_for_who_may_see_orders(
    client: Client, account: Account
) -> None:
    grant = LedgerEntry.objects.filter(kind="grant")[0]
    url = f"{URL}/entries/{grant.pk}"

    client.force_login(member_of(account, financial=True))
    assert "/orders/" in client.get(url).content.decode()
    client.force_login(member_of(account, resource=True))
    assert "/orders/" not in client.get(url).content.decode()


def test_a_scan_drawn_from_two_months_names_both(now: datetime) -> None:
    account = account_with(now=now, quantity=300)
    buy(account, Basket(quantity=300), now + timedelta(hours=1))
    later = now + timedelta(hours=2)
    QuotaWindow.objects.filter(pk=QuotaWindow.objects.order_by("ends_at")[0].pk).update(
        granted_tenths=4
    )
    press(account, [ImageFactory.create(account=account)], later)
    halves = LedgerEntry.objects.filter(kind="hold").order_by("pk")

    pages = [
        charge(account, half, Clock(account, later), sees_orders=True)
        for half in halves
    ]

    assert [half.tenths for half in halves] == [4, 6]
    notes = [
        (fact.value.partition(",")[0], fact.note)
        for page in pages
        for fact in page.facts
        if fact.label == "Drawn from another month too"
    ]
    assert notes == [
        ("0.6", f"Entry {halves[1].pk}"),
        ("0.4", f"Entry {halves[0].pk}"),
    ]


def test_a_line_of_many_opens_to_its_images(
    client: Client, account: Account, now: datetime
) -> None:
    later = now + timedelta(days=2)
    press(account, ImageFactory.create_batch(60, account=account), later)
    batch = LedgerBatch.objects.get(kind="hold", entries=60)
    url = f"{URL}/batches/{batch.pk}"
    client.force_login(member_of(account))

    page = client.get(url).content.decode()
    assert page.count('class="name"') == 50
    more = unescape(re.findall(rf'hx-get="({url}\?after=[^"]*)"', page)[0])
    rest = client.get(more, headers={"HX-Request": "true"}).content.decode()

    assert rest.count('class="name"') == 10
    assert rest.lstrip().startswith("<tr")
    assert rest.count(" autofocus") == 1
    assert "Load 50 more" not in rest
    assert client.get(f"{url}?after=nonsense").status_code == 422
    assert client.get(f"{URL}/batches/{batch.pk + 1}").status_code == 404


def test_more_lines_come_after_the_ones_that_are_there(
    client: Client, account: Account, now: datetime
) -> None:
    for number in range(51):
        press(
            account,
            [ImageFactory.create(account=account)],
            now + timedelta(days=2, minutes=number),
        )

    with time_machine.travel(now + timedelta(days=3)):
        client.force_login(creator_of(account))
        page = client.get(f"{URL}?kind=hold").content.decode()
        more = unescape(re.findall(rf'hx-get="({URL}\?[^"]*after=[^"]*)"', page)[0])
        rest = client.get(more, headers={"HX-Request": "true"}).content.decode()
        alone = client.get(more).content.decode()

    assert page.count('<span class="tag ') == 50
    assert rest.count('<span class="tag ') == 4
    assert "55 entries" not in rest
    assert "55 entries" in page
    assert "Back to the latest" in alone


def test_totals_follow_the_month_that_is_chosen(
    client: Client, account: Account, now: datetime
) -> None:
    window = QuotaWindow.objects.order_by("number")[0]
    end = window.ends_at + timedelta(hours=2)
    lapse_ended(now=end)

    with time_machine.travel(end):
        client.force_login(creator_of(account))
        answer = client.get(
            f"{URL}?month={window.pk}", headers={"HX-Request": "true"}
        ).content.decode()

    assert 'id="totals"' in answer
    assert "<dt>Unused</dt><dd>297.9 " in answer
    assert "2 scans × 1" in answer
    assert f"day=2026-11-25&amp;month={window.pk}" in answer


def test_a_stranger_opens_neither_line_nor_entry(
    client: Client, account: Account, now: datetime
) -> None:
    batch, entry = LedgerBatch.objects.all()[0], LedgerEntry.objects.all()[0]
    other = account_with(now=now, slug="other")
    client.force_login(creator_of(other))

    for slug in ("halden-pay", "other"):
        at = f"/a/{slug}/usage"
        assert client.get(f"{at}/batches/{batch.pk}").status_code == 404
        assert client.get(f"{at}/entries/{entry.pk}").status_code == 404
        assert client.get(f"{at}/entries/{9**25}").status_code == 404
