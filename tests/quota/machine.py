"""Buying, renewing, pressing, working, stopping, waiting and sweeping in any order,
beside the oracle: after every step both say the same."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from accounts.models import Account
from accounts.services.opening import open_account
from quota.errors import AlreadyScanning, InsufficientQuota, NotActive, NothingToScan
from quota.models import Image, QuotaWindow, Scan, ScanTask, Tariff
from quota.quotes import Basket
from quota.services import ending, overdue, scanning, windows, working
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    UserFactory,
    buy,
    creator_of,
    press,
    renew,
    report,
    top_up,
)
from tests.quota import oracle
from tests.quota.oracle import Oracle
from tests.quota.rules.strategies import ZONES

IMAGES = 6
MOMENT = timedelta(microseconds=1)
STEPS = st.sampled_from(
    [MOMENT, timedelta(seconds=61), timedelta(hours=2), timedelta(hours=24),
     timedelta(days=5), timedelta(days=31)]
)  # fmt: skip


class Books(RuleBasedStateMachine):
    """One account; a pack of one to three scans a month, so that quota runs out."""

    months = 2

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.oracle: Oracle
        self.claims: list[working.Claim] = []
        self.tied: dict[int, oracle.Scan] = {}

    @initialize(
        zone=ZONES,
        begins=st.datetimes(
            datetime(2026, 1, 1),  # noqa: DTZ001 -- st.datetimes wants naive bounds
            datetime(2027, 12, 31),  # noqa: DTZ001 -- as above
            timezones=st.just(UTC),
        ),
    )
    def open(self, zone: ZoneInfo, begins: datetime) -> None:
        """A tariff sold one by one, an account with money, and images."""
        self.now, self.oracle = begins, self.new_oracle(zone)
        Tariff.objects.create(
            currency="XTS", valid_from=begins, edition_price=Decimal("6.75"),
            quota_price=Decimal("0.06"), step=1, max_quantity=3,
        )  # fmt: skip
        self.account = open_account(
            slug="machine", name="Machine", zone=zone.key, currency="XTS",
            creator=UserFactory.create(), now=begins,
        )  # fmt: skip
        top_up(self.account, 100_000, begins)
        self.oracle.balance = 10_000_000
        self.images = ImageFactory.create_batch(IMAGES, account=self.account)
        self.subscribe(months=self.months, quantity=1)

    def new_oracle(self, zone: ZoneInfo) -> Oracle:
        """The books a second time."""
        return Oracle(zone)

    @precondition(lambda self: self.oracle.is_gone(self.now))
    @rule(months=st.integers(1, 3), quantity=st.integers(0, 3))
    def subscribe(self, months: int, quantity: int) -> None:
        """Buy Professional Edition, with or without quota in the same order."""
        buy(self.account, Basket(quantity, cores=1, months=months), self.now)
        self.oracle.subscribe(months, self.now)
        if quantity:
            self.oracle.buy(quantity, self.now)

    @precondition(lambda self: self.oracle.is_active(self.now))
    @rule(quantity=st.integers(1, 3))
    def purchase(self, quantity: int) -> None:
        """Buy a further pack with its own anchor."""
        buy(self.account, Basket(quantity), self.now)
        self.oracle.buy(quantity, self.now)

    def can_renew(self) -> bool:
        """Not years ahead: that is refused, and tested elsewhere."""
        is_far = self.oracle.edition.end > self.now + timedelta(days=365)
        return self.oracle.can_renew(self.now) and not is_far

    @precondition(can_renew)
    @rule(months=st.integers(1, 2))
    def renew(self, months: int) -> None:
        """Renew with all packs, early or while suspended."""
        renew(self.account, self.now, months=months)
        self.oracle.renew(months, self.now)

    @rule(chosen=st.sets(st.integers(0, IMAGES - 1), min_size=1))
    def press(self, chosen: set[int]) -> None:
        """Press *Scan now*: both admit it whole, or both refuse it whole."""
        images = [self.images[number] for number in sorted(chosen)]
        held = self.oracle.press([image.digest for image in images], self.now)
        if held is None:
            refusals = (InsufficientQuota, NothingToScan, AlreadyScanning, NotActive)
            with pytest.raises(refusals):
                press(self.account, images, self.now)
            return
        task = press(self.account, images, self.now)
        made = dict(task.scans.values_list("image_digest", "pk"))
        assert set(made) == {scan.image for scan in held}
        self.tied |= {made[scan.image]: scan for scan in held}

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        """A worker claims what waits; it may come back, or not."""
        claimed = working.claim(account_id=self.account.pk, limit=limit, now=self.now)
        if claimed:
            self.claims.append(claimed)
            for scan in claimed.scans:
                self.oracle.claim(self.tied[scan.pk], self.now)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99), works=st.booleans(), twice=st.booleans())
    def bring_back(self, which: int, works: bool, twice: bool) -> None:
        """A worker reports, perhaps late, perhaps twice: it counts once or not."""
        claimed = self.claims[which % len(self.claims)]
        mine = Scan.objects.filter(
            claim=claimed.token, state="running", deadline_at__gt=self.now
        )
        counts = set(mine.values_list("pk", flat=True))
        reported = [scan.pk for scan in claimed.scans if scan.pk in counts or not
                    self._running(scan.pk)]  # fmt: skip
        for _ in range(1 + twice):
            ending.end(
                account_id=self.account.pk,
                ended=[_ended(pk, claimed, works) for pk in reported],
                now=self.now,
            )
        for pk in counts:
            scan = self.tied[pk]
            if works:
                self.oracle.settle(scan, self.now)
            else:
                self.oracle.release(scan)

    def _running(self, pk: int) -> bool:
        return Scan.objects.filter(pk=pk, state="running").exists()

    @precondition(lambda self: self.tied)
    @rule(which=st.integers(0, 99))
    def stop(self, which: int) -> None:
        """Stop a task: what waits gives back, what runs goes on."""
        tasks = list(ScanTask.objects.filter(account=self.account).order_by("pk"))
        task = tasks[which % len(tasks)]
        scanning.stop(task=task, by=creator_of(self.account), now=self.now)
        for pk in task.scans.values_list("pk", flat=True):
            if self.tied[pk].state == "queued":
                self.oracle.release(self.tied[pk])

    @rule(step=STEPS)
    def wait(self, step: timedelta) -> None:
        """Time passes."""
        self.now += step

    @rule(short_by=st.sampled_from([MOMENT, timedelta(0), -MOMENT]))
    def wait_for_a_boundary(self, short_by: timedelta) -> None:
        """To the end of a window or of Professional Edition, or a moment beside it."""
        ends = [w.ends_at for w in self.oracle.windows if w.ends_at > self.now]
        if ends:
            self.now = max(self.now, min(ends) - short_by)

    @rule()
    def sweep(self) -> None:
        """The sweeper runs; a second run finds nothing."""
        overdue.sweep(now=self.now)
        self.oracle.sweep(self.now)
        overdue.sweep(now=self.now)

    @rule()
    def lapse(self) -> None:
        """The nightly booking runs, twice."""
        windows.lapse_ended(now=self.now)
        self.oracle.lapse(self.now)
        windows.lapse_ended(now=self.now)

    @invariant()
    def each_window_says_the_same(self) -> None:
        """Granted, used, held, lapsed and free, window by window."""
        rows = QuotaWindow.objects.filter(account=self.account).order_by(
            "pack", "number"
        )
        assert list(
            rows.values_list(
                "starts_at", "ends_at", "granted_tenths", "used_tenths",
                "held_tenths", "lapsed_tenths", "revoked_tenths", "free_tenths",
            )
        ) == [
            (w.starts_at, w.ends_at, w.granted, w.used, w.held, w.lapsed, w.revoked,
             w.free)
            for w in self.oracle.windows
        ]  # fmt: skip

    @invariant()
    def the_balance_says_the_same(self) -> None:
        """To the cent."""
        balance = Account.objects.get(pk=self.account.pk).balance
        assert balance * 100 == self.oracle.balance

    @invariant()
    def each_image_has_its_result(self) -> None:
        """An image has a result exactly when a scan of it settled."""
        rows = Image.objects.filter(account=self.account, scanned_at__isnull=False)
        found = dict(rows.values_list("digest", "scanned_at"))
        assert found == self.oracle.results

    def teardown(self) -> None:
        """The books are proved, then forgotten."""
        try:
            assert [proof for proof in reconcile() if proof.broken] == []
        finally:
            transaction.set_rollback(True)
            self.stack.close()


def _ended(pk: int, claimed: working.Claim, works: bool) -> ending.Ended:
    outcome = Scan.Outcome.SUCCEEDED if works else Scan.Outcome.FAILED
    found = report(0) if works else None
    return ending.Ended(pk, claimed.token, outcome, "", found)
