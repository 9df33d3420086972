"""A year of one account, day by day: everything it buys, is told, loses and regains."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from accounts.models import BalanceEntry, Notice, User
from accounts.services import opening
from quota.errors import NotActive
from quota.models import (
    Finding,
    Image,
    LedgerEntry,
    Order,
    QuotaPack,
    QuotaWindow,
    Scan,
    ScanTask,
    Subscription,
)
from quota.quotes import Basket, RenewalBasket
from quota.services import (
    auto_renewal,
    purchasing,
    reminding,
    renewing,
    terminating,
    windows,
)
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    UserFactory,
    buy,
    finish,
    member_of,
    press,
    top_up,
)

pytestmark = pytest.mark.django_db(transaction=True)
BERLIN = ZoneInfo("Europe/Berlin")
JOBS = (
    windows.lapse_ended,
    auto_renewal.sweep,
    reminding.remind,
    terminating.terminate_due,
)
NEAR_AN_END = (time(0), time(9), time(14))
OTHERWISE = (time(14),)


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


class Year:
    """The account, its people, and a clock that only goes forward.

    At every look each job is run by two workers at once, and then once more. It looks
    every day, and three times a day around an end."""

    def __init__(self, workers: ThreadPoolExecutor) -> None:
        self.workers = workers
        self.now = at(1, 31, 13)
        creator = UserFactory.create(name="Creator")
        self.account = opening.open_account(
            slug="halden-pay",
            name="Halden Pay",
            zone="Europe/Berlin",
            currency="USD",
            creator=creator,
            now=self.now,
        )
        self.people = {
            "creator": creator,
            "resource": member_of(self.account, resource=True),
            "financial": member_of(self.account, financial=True),
            "both": member_of(self.account, resource=True, financial=True),
            "plain": member_of(self.account),
        }

    def until(self, instant: datetime) -> datetime:
        """Let every day up to ``instant`` pass."""
        for look in self._looks(instant):
            for job in JOBS:
                list(self.workers.map(lambda now, job=job: job(now=now), [look] * 2))
                assert job(now=look) == 0
        self.now = instant
        return instant

    def _looks(self, last: datetime) -> Iterator[datetime]:
        day = self.now.date()
        while day <= last.date():
            for clock in NEAR_AN_END if self._is_near_an_end(day) else OTHERWISE:
                look = datetime.combine(day, clock, tzinfo=BERLIN)
                if self.now < look <= last:
                    yield look
            day += timedelta(days=1)

    def _is_near_an_end(self, day: date) -> bool:
        noon = datetime.combine(day, time(12), tzinfo=BERLIN)
        near = timedelta(days=9)
        return Subscription.objects.filter(
            ends_at__gt=noon - near, ends_at__lt=noon + near
        ).exists()

    def scan(self, images: Sequence[Image]) -> None:
        press(self.account, list(images), self.now)
        finish(self.account, self.now)

    def balance(self) -> Decimal:
        self.account.refresh_from_db(fields=["balance"])
        return Decimal(self.account.balance)


@pytest.fixture
def year() -> Iterator[Year]:
    with ThreadPoolExecutor(2) as workers:
        yield Year(workers)
        list(workers.map(_hang_up, [threading.Barrier(2)] * 2))


def _hang_up(both: threading.Barrier) -> None:
    """Each worker closes its connection; neither may do it for the other."""
    both.wait()
    connections.close_all()


def told(kind: str) -> Counter[tuple[str, str]]:
    """Who got this kind by which channel, and how often."""
    rows = Notice.objects.filter(kind=kind).select_related("user")
    return Counter((row.user.email, row.channel) for row in rows)


def expected(people: Sequence[User], channels: str, times: int) -> Counter[object]:
    return Counter(
        {(who.email, how): times for who in people for how in channels.split()}
    )


def days_of(kind: str) -> list[date]:
    subjects = Notice.objects.filter(kind=kind).values_list("subject", flat=True)
    return sorted({date.fromisoformat(s.rpartition(":")[2]) for s in subjects})


def hours_of(kind: str) -> set[str]:
    rows = Notice.objects.filter(kind=kind).values_list("created_at", flat=True)
    return {f"{each.astimezone(BERLIN):%H:%M}" for each in rows}


def dates(month: int, *days: int) -> list[date]:
    return [date(2026, month, day) for day in days]


def ledger() -> list[tuple[str, str, int]]:
    rows = LedgerEntry.objects.order_by("pk").values_list(
        "created_at", "kind", "tenths"
    )
    return [
        (f"{created.astimezone(BERLIN):%m-%d}", kind, tenths)
        for created, kind, tenths in rows
    ]


def test_a_year_of_one_account(year: Year) -> None:
    account, people = year.account, year.people
    money = [people[name] for name in ("creator", "financial", "both")]
    in_charge = [*money, people["resource"]]
    everyone = list(people.values())

    # 31 January, 14:00: Professional Edition for three months, with 300 scans a month
    top_up(account, Decimal("186.50"), year.now)
    year.until(at(1, 31, 14))
    first = buy(account, Basket(quantity=300, cores=2, months=3), year.now)
    subscription = Subscription.objects.get()
    assert subscription.ends_at == at(4, 30, 14)
    images = ImageFactory.create_batch(3, account=account)
    digests = [image.digest for image in images]

    year.until(at(2, 1, 10))
    year.scan(images)

    # In the middle of a window, 600 more
    year.until(at(3, 10, 9, 30))
    second = buy(account, Basket(quantity=600), year.now)
    assert (first.total, second.total) == (Decimal("94.50"), Decimal("72.00"))
    assert year.balance() == 20
    year.until(at(3, 15, 10))
    year.scan(images)

    year.until(at(4, 1, 8))
    auto_renewal.switch(account=account, on=True, by=None, now=year.now)

    # The first end: reminded, not enough money, suspended
    year.until(at(4, 30, 13, 59))
    assert days_of("expiry_reminder") == dates(4, 23, 24, 25, 26, 27, 28, 29)
    assert hours_of("expiry_reminder") == {"09:00"}
    assert told("expiry_reminder") == expected(in_charge, "email sms", 7)
    assert told("arrears") == Counter()
    assert days_of("auto_renewal_failed") == dates(4, 30)
    year.until(at(5, 1, 15))
    with pytest.raises(NotActive):
        press(account, images, year.now)
    with pytest.raises(NotActive):
        purchasing.quote(account=account, basket=Basket(quantity=300), now=year.now)
    assert days_of("auto_renewal_failed") == [*dates(4, 30), *dates(5, 1)]
    assert told("auto_renewal_failed") == expected(money, "email", 2)
    year.until(at(5, 2, 11))
    assert days_of("arrears") == [*dates(4, 30), *dates(5, 1, 2)]
    assert hours_of("arrears") == {"14:00", "09:00"}
    assert told("arrears") == expected(everyone, "email sms", 3)
    assert year.balance() == 20

    # Topped up while suspended: renewed at the next look, from the old end on
    top_up(account, Decimal("50.00"), year.now)
    year.until(at(5, 2, 14))
    subscription.refresh_from_db()
    assert subscription.ends_at == at(5, 31, 14)
    renewal = Order.objects.get(kind="renewal")
    assert (renewal.total, renewal.by) == (Decimal("67.50"), None)
    assert year.balance() == Decimal("2.50")
    extra = QuotaPack.objects.get(quantity=600)
    assert [
        (w.starts_at, w.ends_at)
        for w in QuotaWindow.objects.filter(pack=extra).order_by("number")
    ] == [
        (at(3, 10, 9, 30), at(4, 10, 9, 30)),
        (at(4, 10, 9, 30), at(5, 10, 9, 30)),
        (at(5, 10, 9, 30), at(5, 31, 14)),
    ]
    auto_renewal.switch(account=account, on=False, by=None, now=year.now)

    # The second end: nobody renews
    year.until(at(6, 5, 14))
    assert days_of("expiry_reminder")[7:] == dates(5, 24, 25, 26, 27, 28, 29, 30)
    assert days_of("arrears")[3:] == [*dates(5, 31), *dates(6, 1, 2, 3, 4, 5)]
    renewing.quote(account=account, basket=RenewalBasket(1), now=year.now)
    year.until(at(6, 6, 13, 59))
    with pytest.raises(NotActive):
        renewing.quote(account=account, basket=RenewalBasket(1), now=year.now)
    assert Image.objects.count() == 3
    assert told("terminated") == Counter()

    # 24 hours after the fifth day
    year.until(at(6, 6, 14))
    assert told("terminated") == expected(everyone, "email sms", 1)
    for model in (Image, Scan, ScanTask, Finding):
        assert not model.objects.exists()
    subscription.refresh_from_db()
    assert subscription.data_deleted_at == at(6, 6, 14)

    # Coming back as a new subscription, without a past
    year.until(at(7, 20, 10))
    top_up(account, 300, year.now)
    last = buy(account, Basket(quantity=300, cores=1, months=12), year.now)
    assert Subscription.objects.latest("anchor").anchor == at(7, 20, 10)
    again = [ImageFactory.create(account=account, digest=d) for d in digests]
    year.until(at(7, 21, 10))
    year.scan(again)
    year.until(at(1, 31, 14, year=2027))

    # Every order, movement, entry and message of the year
    assert [(o.number, o.kind, o.total) for o in Order.objects.order_by("number")] == [
        (1, "purchase", Decimal("94.50")),
        (2, "purchase", Decimal("72.00")),
        (3, "renewal", Decimal("67.50")),
        (4, "purchase", Decimal("297.00")),
    ]
    assert last.number == 4
    movements = BalanceEntry.objects.order_by("pk")
    assert [(m.kind, m.amount, m.balance_after) for m in movements] == [
        ("top_up", Decimal("186.50"), Decimal("186.50")),
        ("purchase", Decimal("-94.50"), Decimal("92.00")),
        ("purchase", Decimal("-72.00"), Decimal("20.00")),
        ("top_up", Decimal("50.00"), Decimal("70.00")),
        ("renewal", Decimal("-67.50"), Decimal("2.50")),
        ("top_up", Decimal("300.00"), Decimal("302.50")),
        ("purchase", Decimal("-297.00"), Decimal("5.50")),
    ]
    assert ledger() == [
        *[("01-31", "grant", 3000)] * 3,
        *[("02-01", "hold", 10)] * 3,
        *[("02-01", "settle", 10)] * 3,
        ("02-28", "lapse", 2970),
        *[("03-10", "grant", 6000)] * 2,
        *[("03-15", "hold", 1)] * 3,
        *[("03-15", "settle", 1)] * 3,
        ("03-31", "lapse", 2997),
        ("04-10", "lapse", 6000),
        ("04-30", "lapse", 3000),
        ("05-02", "grant", 3000),
        ("05-02", "grant", 6000),
        ("05-10", "lapse", 6000),
        ("05-31", "lapse", 3000),
        ("06-06", "lapse", 6000),
        *[("07-20", "grant", 3000)] * 12,
        *[("07-21", "hold", 10)] * 3,
        *[("07-21", "settle", 10)] * 3,
        ("08-20", "lapse", 2970),
        *[(f"{month:02}-20", "lapse", 3000) for month in (9, 10, 11, 12, 1)],
    ]
    assert told("expiry_reminder") == expected(in_charge, "email sms", 14)
    assert told("arrears") == expected(everyone, "email sms", 9)
    assert told("auto_renewal_failed") == expected(money, "email", 2)
    assert told("renewed") == expected(money, "email", 1)
    assert told("order_paid") == expected(money, "email", 3)
    assert told("terminated") == expected(everyone, "email sms", 1)
    counted = 14 * 8 + 9 * 10 + 2 * 3 + 3 + 3 * 3 + 10
    assert Notice.objects.count() == counted
    assert [proof.claim for proof in reconcile() if proof.broken] == []
