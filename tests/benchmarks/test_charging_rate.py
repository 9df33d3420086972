"""Charges a second, in one run: ours, the floor of the rows it writes, and peers.

A charge of ours is three transactions of the product's services: what *Scan now* sets
aside, what a worker claims, and what it settles with a result. A peer's moves an amount
from an account to what is held and from there to what is used, or in one step: it knows
no scan, image, task or result, no first or repeat, and no key. All are on one server
that waits for the disk at every commit. Whatever is measured is proved right after.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from django.db import connection
from django.db.models import Sum

from quota.models import QuotaWindow
from quota.services.reconciling import reconcile
from tests.benchmarks.charging.peers import installed, missing
from tests.benchmarks.charging.plan import Plan
from tests.benchmarks.charging.processes import measure
from tests.benchmarks.conftest import Figures, large_account, vacuum
from tests.benchmarks.growing import copies_of
from tests.databases import of_this_run

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
MANY, BATCH = 128, 1_000
SHAPES = {
    "1 worker": Plan("", workers=1, accounts=1, seconds=SECONDS),
    "64 workers": Plan("", workers=64, accounts=1, seconds=SECONDS),
    f"64 on {MANY} accounts": Plan("", workers=64, accounts=MANY, seconds=SECONDS),
    f"{BATCH:,} at once": Plan("", 1, 1, batch=BATCH, seconds=SECONDS),
}
ALONE, HOT, CALM, AT_ONCE = SHAPES


@dataclass
class Books:
    """One database, and how many charges it must show."""

    environment: dict[str, str]
    moved: Callable[[], int]
    charges: int = 0

    def prove(self, more: int) -> None:
        """Each charge since the last proof moved what it should, once."""
        self.charges += more
        assert self.moved() == self.charges


@dataclass
class Side:
    """Who charges, how, and the best rate of each shape."""

    title: str
    who: str
    books: Books
    steps: int = 2
    shapes: tuple[str, ...] = tuple(SHAPES)
    rates: dict[str, float] = field(default_factory=dict)

    def measure(self, shape: str) -> None:
        """Charge, and prove it."""
        plan = replace(SHAPES[shape], who=self.who, steps=self.steps)
        rate = measure(plan, self.books.environment)
        self.books.prove(rate.charges)
        self.rates[shape] = max(rate.a_second, self.rates.get(shape, 0))

    def line(self) -> str:
        """Its line of the table."""
        cells = (self.rates.get(shape) for shape in SHAPES)
        shown = (f"{rate:20,.0f}" if rate else f"{'–':>20}" for rate in cells)
        return f"{self.title:<48}{''.join(shown)}"


def test_charges_a_second(figures: Figures) -> None:
    large_account("hot", BATCH)
    copies_of(large_account("calm", 1), MANY - 1)
    vacuum()
    _expect_durability()

    books = Books(of_this_run(), _settled)
    ours = Side("reserve, claim, settle", "ours", books)
    floor = Side("the same rows in one statement", "floor", books)
    with ExitStack() as stack:
        sides = [ours, floor, *_peers(stack, figures)]
        for side in (side for _ in range(ROUNDS) for side in sides):
            for shape in side.shapes:
                side.measure(shape)

    figures.lines.append(f"{'charges a second':<48}{_heads()}")
    figures.lines += [side.line() for side in sides]
    _compare(figures, ours, floor)


def _peers(stack: ExitStack, figures: Figures) -> Iterator[Side]:
    for who, title, shapes in (
        ("peer_pgledger", "pgledger", tuple(SHAPES)),
        ("peer_hordak", "django-hordak", (ALONE, HOT, CALM)),
    ):
        if why := missing(who):
            figures.lines.append(f"{title}: {why}")
            continue
        peer = stack.enter_context(installed(who, MANY))
        books = Books(peer.environment, peer.moved)
        for steps, words in ((2, "hold, settle"), (1, "one transfer")):
            yield Side(f"{title}: {words}", who, books, steps, shapes)


def _compare(figures: Figures, ours: Side, floor: Side) -> None:
    for shape, target in ((ALONE, 0.05), (HOT, 0.06), (CALM, 0.04), (AT_ONCE, 0.15)):
        rates = ours.rates[shape], floor.rates[shape]
        figures.least(f"a charge / its floor, {shape}", *_taken(*rates), target)
    for title, shape, target in (
        ("64 workers / 1 on one account", HOT, 0.6),
        (f"{BATCH:,} at once / one at a time", AT_ONCE, 10),
    ):
        rates = ours.rates[shape], ours.rates[ALONE]
        figures.least(title, *_taken(*rates), target)


def _taken(of_act: float, of_floor: float) -> tuple[float, float]:
    """Seconds of a charge, at these rates."""
    return 1 / of_act, 1 / of_floor


def _heads() -> str:
    return "".join(f"{shape:>20}" for shape in SHAPES)


def _settled() -> int:
    """How many scans the ledger charged. The books of all accounts are proved."""
    assert not [proof for proof in reconcile() if proof.broken]
    held = QuotaWindow.objects.aggregate(tenths=Sum("held_tenths"))["tenths"]
    assert not held
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM quota_ledgerentry WHERE kind = 'settle'")
        ((entries,),) = cursor.fetchall()
    return int(entries)


def _expect_durability() -> None:
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute("SELECT current_setting(%s)", [setting])
            assert cursor.fetchall() == [("on",)], setting
