"""Every page, list, export and job at three sizes, in one table.

At 100×: 10,000 accounts, of which one has 1,000,000 images, and 10,000,000 entries of
the ledger; at 1× and 10× as much less of everything. A page asks a person to wait for
what is on it, not for what the tables hold: at 100× it reads no more rows and asks no
more queries. What walks all rows may read no more for each. The rows are what is held
against a bar, for no other work on the machine moves them; the times are for people.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import time_machine
from django.contrib import admin
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Notice
from quota.models import (
    FindingGroup,
    Image,
    Kind,
    OrderLine,
    QuotaWindow,
    RefundRequest,
    Registry,
    ScanTask,
    UsageBin,
)
from quota.models.schedules import Settings
from quota.services import (
    auto_renewal,
    invoicing,
    overdue,
    reconciling,
    refunding,
    registry_syncs,
    reminding,
    scheduling,
    terminating,
    thresholds,
    windows,
    working,
)
from quota.services.refunding import Asked
from tests.addresses import addresses
from tests.benchmarks.conftest import NOW, vacuum
from tests.benchmarks.growing import copies_of, long_ledger, many_images
from tests.conftest import empty_the_database
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    press,
)
from tests.registries.acts import connect

pytestmark = pytest.mark.django_db(transaction=True)
# As much of everything as at 1×, this many times.
TIMES = tuple(float(n) for n in os.environ.get("BENCH_TIMES", "1,10,100").split(","))
IMAGES, ENTRIES, ACCOUNTS = 10_000, 100_000, 100
# Entries of each of the many accounts.
CHARGED = 700
ROUNDS, DAY = 7, timedelta(days=1)
# What prices or prints every one there is, as it must.
EACH_IMAGE = {"scan-now", "scan-estimate", "schedule", "schedule-estimate"}
EACH_ENTRY = {"statement", "statement-pdf", "statement-json"}
# What adds up seven months of quarters of an hour: some 20,000 at most, then no more.
EACH_QUARTER = {"purchase", "purchase-quote"}
# So few rows are read in no time, in whatever proportion.
FEW = 10_000
MOST = 1.5


class Measured(NamedTuple):
    """How long it took, how many rows of tables and indexes it read, how much of it
    there was, and how many queries it asked."""

    seconds: float
    rows: int
    amount: float = 1
    queries: int = 0


@dataclass
class Table:
    """What each thing took at each size."""

    cells: dict[str, list[Measured]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    made: list[float] = field(default_factory=list)

    def add(self, name: str, measured: Measured, unit: str = "") -> None:
        """Note one cell; with a unit, of what there is more of at a larger size."""
        self.cells.setdefault(name, []).append(measured)
        self.units[name] = unit

    def growth(self, name: str) -> float:
        """How many times the rows it reads for each at the largest size are those at
        the least."""
        of_each = [(FEW + m.rows) / m.amount for m in self.cells[name]]
        return of_each[-1] / of_each[0]

    def missed(self) -> list[str]:
        """What reads more, or asks more queries, where there is more."""
        return [
            name
            for name, cells in self.cells.items()
            if self.growth(name) > MOST
            or (not self.units[name] and cells[-1].queries > cells[0].queries + 2)
        ]

    def lines(self) -> Iterator[str]:
        """The table, the largest growth first."""
        sizes = ", ".join(f"{seconds:,.0f} s" for seconds in self.made)
        yield f"made in {sizes}"
        heads = "".join(f"{f'{times:g}×':>11}" for times in TIMES)
        yield f"{'ms':<40}{heads}   rows read{heads}  growth  queries"
        for name in sorted(self.cells, key=self.growth, reverse=True):
            cells = self.cells[name]
            took = "".join(f"{m.seconds * 1000:11,.1f}" for m in cells)
            read = "".join(f"{m.rows:11,}" for m in cells)
            asked = " / ".join(str(m.queries) for m in cells)
            if unit := self.units[name]:
                asked = f"{' / '.join(f'{m.amount:,.0f}' for m in cells)} {unit}"
            yield f"{name:<40}{took}{'':12}{read}{self.growth(name):8.2f}  {asked}"


def test_every_page_list_export_and_job(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        for times in TIMES:
            empty_the_database(TransactionTestCase())
            begun = time.perf_counter()
            hot = _grown(times)
            vacuum()
            table.made.append(time.perf_counter() - begun)
            _measure_pages(table, hot)
            _measure_back_office(table, hot)
            _measure_jobs(table)
            with capsys.disabled():
                print("\n".join(("", *table.lines())))  # noqa: T201 -- its purpose

    assert table.missed() == []


def _grown(times: float) -> Account:
    """One account with everything on its pages, one to terminate, and many others."""
    accounts, images = round(ACCOUNTS * times), round(IMAGES * times)
    hot = account_with(
        quantity=300_000, months=36, now=NOW - 730 * DAY, slug="hot", spare=50_000
    )
    ended = account_with(
        quantity=300_000, months=8, now=datetime(2026, 3, 17, tzinfo=UTC), slug="ended"
    )
    for account in (hot, ended):
        many_images(account, images)
    calm = _calm()
    long_ledger(hot, round(ENTRIES * times) - 2 * images - CHARGED * accounts)
    due = max(1, accounts // 50)
    for account, copies in ((calm, accounts - 2 * due), (_busy(), due), (_late(), due)):
        copies_of(account, copies - 1)
    _fill(hot)
    return hot


def _calm() -> Account:
    """Months that are over, with charges in them, and nothing to do but book that."""
    account = account_with(months=6, now=NOW - 70 * DAY, slug="calm")
    _scanned(account, NOW - 65 * DAY)
    long_ledger(account, CHARGED, tenths=10)
    return account


def _busy() -> Account:
    """Nearly all used, a run due, a worker gone, and the end three days away."""
    account = account_with(now=datetime(2026, 9, 27, 9, tzinfo=UTC), slug="busy")
    images = _scanned(account, NOW - 50 * DAY)
    long_ledger(account, 500, 10, QuotaWindow.objects.open_at(account.pk, NOW).get())
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=Settings(is_on=True),
        revision=0,
        by=None,
        now=NOW - DAY,
    )
    press(account, images[:1], NOW - timedelta(hours=1))
    working.claim(account_id=account.pk, limit=1, now=NOW - timedelta(hours=1))
    return account


def _late() -> Account:
    """Over since yesterday, to be renewed by itself."""
    begun = datetime(2026, 9, 23, 21, tzinfo=UTC)
    account = account_with(now=begun, slug="late")
    auto_renewal.switch(
        account=account, on=True, by=creator_of(account), now=begun + DAY
    )
    return account


def _scanned(account: Account, at: datetime) -> list[Image]:
    images = ImageFactory.create_batch(5, account=account)
    press(account, images, at)
    finish(account, at)
    return images


def _fill(account: Account) -> None:
    """What the addresses of single things lead to."""
    connect(account, "https://r.invalid", NOW)
    refunding.request(
        account=account,
        line=OrderLine.objects.get(account=account, kind="pack"),
        asked=Asked(RefundRequest.Reason.OTHER),
        key=uuid4(),
        by=creator_of(account),
        now=NOW,
    )
    invoicing.issue(now=NOW)


def _own(account: Account) -> dict[str, str]:
    mine = {"account": account}
    return {
        "account": account.slug,
        "kind": "local",
        "digest": Image.objects.filter(**mine, scanned_at__isnull=False)[0].digest,
        "registry": str(Registry.objects.get(**mine).pk),
        "group": str(FindingGroup.objects.filter(**mine)[0].pk),
        "task": str(ScanTask.objects.filter(**mine).latest("pk").pk),
        "number": "1",
        "refund": str(RefundRequest.objects.get(**mine).pk),
        "notice": str(Notice.objects.filter(**mine).earliest("pk").pk),
        "channel": "email",
    }


def _measure_pages(table: Table, account: Account) -> None:
    client, own = Client(), _own(account)
    client.force_login(creator_of(account))
    for address in addresses():
        path = address.path(lambda _, name: own.get(name, "1"))
        response: Any = client.get(path)
        if response.status_code != 200 or address.name == "sign-out":
            continue
        measured = _streamed if response.streaming else _asked
        amount, unit = 1.0, ""
        if response.streaming or address.name in EACH_ENTRY:
            amount, unit = _octets(response) / 1000, "kB"
        elif address.name in EACH_IMAGE:
            amount, unit = Image.objects.filter(account=account).count(), "images"
        elif address.name in EACH_QUARTER:
            amount, unit = UsageBin.objects.filter(account=account).count(), "quarters"
        table.add(address.name, measured(client, path)._replace(amount=amount), unit)


def _measure_back_office(table: Table, hot: Account) -> None:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    paths = {"admin": reverse("admin:index")}
    for model in admin.site._registry:
        meta = model._meta
        name = f"admin:{meta.app_label}_{meta.model_name}"
        paths[name] = reverse(f"{name}_changelist")
    paths["admin: one account"] = reverse(
        "admin:accounts_account_change", args=[hot.pk]
    )
    paths["admin: its ledger"] = paths["admin:quota_ledgerentry"] + "?of=hot"
    for name, path in paths.items():
        table.add(name, _asked(client, path))


def _measure_jobs(table: Table) -> None:
    """What is due is worked off first: how long one takes. Then how long it takes to
    find nothing."""
    now = NOW + timedelta(minutes=1)
    jobs: dict[str, Callable[[], Any]] = {
        "lapse": lambda: windows.lapse_ended(now=now),
        "remind": lambda: reminding.remind(now=now),
        "renew": lambda: auto_renewal.sweep(now=now),
        "thresholds": lambda: thresholds.sweep(now=now),
        "sweep": lambda: sum(overdue.sweep(now=now).values()),
        "schedules": lambda: scheduling.queue_due(now=now),
        "syncs": lambda: registry_syncs.begin_nightly(now=now),
        "invoices": lambda: invoicing.issue(now=now),
    }
    for name, act in jobs.items():
        done = _timed(act)
        if done.amount:
            table.add(f"job {name}: what is due", done, "done")
    rows = Image.objects.filter(account__slug="ended").count()
    done = _timed(lambda: terminating.terminate_due(now=now))
    assert not Image.objects.filter(account__slug="ended").exists()
    table.add("job terminate: one account", done._replace(amount=rows), "images")
    jobs["terminate"] = lambda: terminating.terminate_due(now=now)
    for name, act in jobs.items():
        idle = min((_timed(act) for _ in range(3)), key=lambda timed: timed.rows)
        each = (
            (1, "") if name != "thresholds" else (Account.objects.count(), "accounts")
        )
        table.add(f"job {name}: nothing due", idle._replace(amount=each[0]), each[1])
    proofs: list[reconciling.Proof] = []
    done = _timed(lambda: proofs.extend(reconciling.reconcile()))
    assert not [proof for proof in proofs if proof.broken]
    rows = sum(proof.checked for proof in proofs)
    table.add("job prove the books", done._replace(amount=rows), "rows")


def _timed(act: Callable[[], Any]) -> Measured:
    before, begun = _rows_read(), time.perf_counter()
    amount = act()
    took = time.perf_counter() - begun
    return Measured(took, _rows_read() - before, float(amount or 0))


def _asked(client: Client, path: str) -> Measured:
    """Ask for a page until its statements are prepared, then a few times more."""

    def ask() -> None:
        assert client.get(path).status_code == 200, path

    for _ in range(3):
        ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    queries = len(captured)
    rounds = [_timed(ask) for _ in range(ROUNDS)]
    took = statistics.quantiles([each.seconds for each in rounds], n=4)[0]
    return Measured(took, min(each.rows for each in rounds), queries=queries)


def _streamed(client: Client, path: str) -> Measured:
    """Read an export to its end."""

    return _timed(lambda: _octets(client.get(path)))


def _octets(response: Any) -> int:
    if response.streaming:
        return sum(map(len, response.streaming_content))
    return len(response.content)


def _rows_read() -> int:
    """How many rows of tables and indexes this run has read so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT tup_returned + tup_fetched FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
        ((rows,),) = cursor.fetchall()
    return int(rows)
