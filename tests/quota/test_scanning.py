"""Holding, settling and releasing quota (rules 5)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from accounts.errors import KeyReused
from quota.errors import (
    AlreadyScanning,
    InsufficientQuota,
    NotActive,
    NothingFits,
    NothingToScan,
    QuoteMoved,
)
from quota.models import (
    Finding,
    Image,
    LedgerEntry,
    QuotaWindow,
    Scan,
    ScanTask,
    Scope,
    Selection,
)
from quota.quotes import Basket
from quota.services import ending, scanning, windows, working
from quota.services.reconciling import reconcile
from quota.services.scanning import Agreed, ScanRequest
from tests.factories import (
    ALL,
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    press,
    report,
)

pytestmark = pytest.mark.django_db

BOUGHT = datetime(2024, 3, 15, 14, tzinfo=UTC)
RESET = datetime(2024, 4, 15, 14, tzinfo=UTC)
END = datetime(2024, 5, 15, 14, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def request(images: list[Image], **changes: object) -> ScanRequest:
    selection = Selection(Scope.SELECTED, ids=tuple(image.pk for image in images))
    return ScanRequest(selection, ALL, "Selected", **changes)  # type: ignore[arg-type]


def assert_books_are_proved() -> None:
    assert [proof for proof in reconcile() if proof.broken] == []


def test_the_seed_example_holds_to_the_instant() -> None:
    account = account_with(quantity=300, months=2, now=BOUGHT)
    image = ImageFactory.create(account=account)

    for number in range(100):
        press(account, [image], BOUGHT + number * timedelta(minutes=10))
        finish(account, BOUGHT + number * timedelta(minutes=10) + SECOND)

    first = QuotaWindow.objects.get(starts_at=BOUGHT)
    assert (first.used_tenths, first.free_tenths) == (109, 2891)
    (second,) = QuotaWindow.objects.open_at(account.pk, RESET)
    assert second.free_tenths == 3000
    assert windows.lapse_ended(now=RESET) == 1
    first.refresh_from_db()
    assert (first.lapsed_tenths, first.free_tenths) == (2891, 0)
    assert windows.lapse_ended(now=RESET) == 0
    assert_books_are_proved()


def test_history_is_for_the_life_of_the_subscription(now: datetime) -> None:
    account = account_with(quantity=300, months=2, now=BOUGHT)
    image = ImageFactory.create(account=account)
    press(account, [image], BOUGHT)
    finish(account, BOUGHT)
    Image.objects.update(scanned_at=BOUGHT)  # its very first instant

    task = press(account, [image], RESET)

    assert task.cost_tenths == 1


def test_a_hold_sets_quota_aside_and_a_result_uses_it(now: datetime) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(3, account=account)

    task = press(account, images, now, by=creator_of(account))

    assert (task.title, task.requested_by) == (
        "Selected local images",
        creator_of(account),
    )
    window = QuotaWindow.objects.open_at(account.pk, now).get()
    assert (window.held_tenths, window.used_tenths) == (30, 0)
    assert finish(account, now) == 3
    window.refresh_from_db()
    assert (window.held_tenths, window.used_tenths) == (0, 30)
    kinds = LedgerEntry.objects.filter(task=task.pk).values_list("kind", flat=True)
    assert sorted(kinds) == ["hold"] * 3 + ["settle"] * 3
    found = {"critical": 0, "high": 1, "trojans": 0, "sensitive": 0}
    assert Image.objects.filter(outcome="scanned", **found).count() == 3
    assert Finding.objects.count() == 3
    assert_books_are_proved()


def test_a_failed_scan_is_free_and_the_next_is_still_a_first(now: datetime) -> None:
    account = account_with(now=now)
    image, other = ImageFactory.create_batch(2, account=account)
    for fails in (True, False):
        press(account, [other], now)
        finish(account, now, fails=fails)
    press(account, [image], now)

    finish(account, now, fails=True)

    window = QuotaWindow.objects.open_at(account.pk, now).get()
    assert (window.held_tenths, window.used_tenths) == (0, 10)
    image.refresh_from_db()
    assert (image.outcome, image.outcome_reason) == ("failed", "The layer is broken.")
    other.refresh_from_db()
    assert (other.outcome, other.outcome_reason) == ("scanned", "")
    assert press(account, [image], now).cost_tenths == 10
    assert_books_are_proved()


def test_a_task_is_refused_whole_with_the_numbers(now: datetime) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(301, account=account)

    with pytest.raises(InsufficientQuota) as refusal:
        press(account, images, now)

    assert refusal.value.needed_tenths == 3010
    assert refusal.value.missing_tenths == 10
    assert not ScanTask.objects.exists()
    assert not Scan.objects.exists()


def test_a_task_that_takes_the_last_tenth_fits(now: datetime) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(300, account=account)

    quoted = scanning.quote(
        account=account, selection=request(images).selection, now=now
    )

    assert (quoted.fit, quoted.missing_tenths) == (None, 0)
    assert quoted.worth == Decimal("18.00")
    assert press(account, images, now).cost_tenths == quoted.available_tenths


def test_what_fits_is_repeats_by_oldest_result_then_firsts_by_first_sight(
    now: datetime,
) -> None:
    account = account_with(now=now)
    old = ImageFactory.create_batch(2, account=account)
    press(account, old, now)
    finish(account, now)
    new = ImageFactory.create_batch(299, account=account)
    images = [*old, *new]

    quoted = scanning.quote(
        account=account, selection=request(images).selection, now=now
    )
    task = scanning.reserve(
        account=account,
        request=request(images, fit=True),
        agreed=Agreed(quoted.all.fingerprint, 2962, 298),
        key=uuid4(),
        by=None,
        now=now,
    )

    assert quoted.missing_tenths == 2992 - 2980
    assert (fit := quoted.fit)
    assert (fit.repeats, fit.firsts, fit.left_out) == (2, 297, 0)
    assert (task.images, task.cost_tenths) == (298, 2962)  # no more than was agreed
    assert Scan.objects.filter(task=task, reason="repeat").count() == 2
    assert_books_are_proved()


def test_where_nothing_fits_nothing_is_started(now: datetime) -> None:
    account = account_with(now=now)
    QuotaWindow.objects.update(used_tenths=2991)
    image = ImageFactory.create(account=account)

    with pytest.raises(NothingFits):
        scanning.reserve(
            account=account,
            request=request([image], fit=True),
            agreed=None,
            key=uuid4(),
            by=None,
            now=now,
        )

    assert not ScanTask.objects.exists()


def test_a_second_press_returns_the_first_presss_task(now: datetime) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(2, account=account)
    key = uuid4()

    def click(chosen: list[Image]) -> ScanTask:
        return scanning.reserve(
            account=account,
            request=request(chosen),
            agreed=None,
            key=key,
            by=None,
            now=now,
        )

    first = click(images)

    assert click(images) == first
    assert LedgerEntry.objects.filter(kind="hold").count() == 2
    with pytest.raises(KeyReused):
        click(images[:1])


def test_an_image_in_flight_is_left_out_and_alone_refused(now: datetime) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(2, account=account)
    press(account, images[:1], now)

    task = press(account, images, now)

    assert (task.images, task.left_out) == (1, 1)
    with pytest.raises(AlreadyScanning):
        press(account, images[:1], now)
    working.claim(account_id=account.pk, limit=1, now=now)
    with pytest.raises(NothingToScan, match="All of these images are already"):
        press(account, images, now)
    with pytest.raises(NothingToScan, match="Choose at least one"):
        press(account, [], now)


@pytest.mark.parametrize(
    ("at", "words"),
    [(END, "has expired"), (END + 6 * DAY, "needs Professional Edition")],
)
def test_without_an_active_edition_nothing_is_scanned(at: datetime, words: str) -> None:
    account = account_with(months=2, now=BOUGHT)

    with pytest.raises(NotActive, match=words):
        press(account, [ImageFactory.create(account=account)], at)

    assert not ScanTask.objects.exists()


def test_an_image_that_began_since_the_quote_is_left_out_but_not_what_fitted(
    now: datetime,
) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(2, account=account)
    quoted = scanning.quote(
        account=account, selection=request(images).selection, now=now
    )
    press(account, images[:1], now)

    def pressed(*, fit: bool) -> ScanTask:
        return scanning.reserve(
            account=account,
            request=request(images, fit=fit),
            agreed=Agreed(quoted.all.fingerprint, 20, 2),
            key=uuid4(),
            by=None,
            now=now,
        )

    with pytest.raises(QuoteMoved):
        pressed(fit=True)
    assert pressed(fit=False).images == 1


@pytest.mark.parametrize(
    ("pressed", "cost", "words"),
    [(2, 19, "The cost changed"), (1, 20, "The images changed")],
)
def test_a_dearer_press_than_agreed_or_of_other_images_starts_nothing(
    now: datetime, pressed: int, cost: int, words: str
) -> None:
    account = account_with(now=now)
    images = ImageFactory.create_batch(2, account=account)
    quoted = scanning.quote(
        account=account, selection=request(images).selection, now=now
    )

    with pytest.raises(QuoteMoved, match=words):
        scanning.reserve(
            account=account,
            request=request(images[:pressed]),
            agreed=Agreed(quoted.all.fingerprint, cost, 2),
            key=uuid4(),
            by=None,
            now=now,
        )

    assert not Scan.objects.exists()


def test_one_scan_draws_from_two_windows_and_gives_both_back(now: datetime) -> None:
    account = account_with(now=now)
    buy(account, Basket(quantity=300), now + SECOND)
    QuotaWindow.objects.filter(starts_at=now).update(granted_tenths=3000)
    images = ImageFactory.create_batch(300, account=account)
    press(account, images[:1], now + SECOND)
    finish(account, now + SECOND)
    press(account, images[:1], now + SECOND)
    finish(account, now + SECOND)

    task = press(account, images[1:], now + SECOND * 2)

    split = LedgerEntry.objects.filter(task=task.pk, kind="hold").count()
    assert split == 300
    assert task.cost_tenths == 2990
    scanning.stop(task=task, by=creator_of(account), now=now + SECOND * 3)
    held = QuotaWindow.objects.values_list("held_tenths", flat=True)
    assert set(held) == {0}
    assert_books_are_proved()


def test_a_hold_released_after_its_window_lapsed_lapses_too() -> None:
    account = account_with(quantity=300, months=2, now=BOUGHT)
    images = ImageFactory.create_batch(2, account=account)
    task = press(account, images, RESET - SECOND)
    windows.lapse_ended(now=RESET)

    scanning.stop(task=task, by=creator_of(account), now=RESET + SECOND)

    window = QuotaWindow.objects.get(starts_at=BOUGHT)
    assert (window.lapsed_tenths, window.free_tenths) == (3000, 0)
    assert LedgerEntry.objects.filter(window=window, kind="lapse").count() == 3
    assert_books_are_proved()


def test_a_scan_ends_once(now: datetime) -> None:
    account = account_with(now=now)
    press(account, ImageFactory.create_batch(1, account=account), now)
    claimed = working.claim(account_id=account.pk, limit=5, now=now)
    assert claimed
    ended = [
        ending.Ended(
            claimed.scans[0].pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report()
        )
    ]

    assert ending.end(account_id=account.pk, ended=ended, now=now) == 1
    assert ending.end(account_id=account.pk, ended=ended, now=now) == 0
    failed = [replace(ended[0], outcome=Scan.Outcome.FAILED, report=None)]
    assert ending.end(account_id=account.pk, ended=failed, now=now) == 0
    assert LedgerEntry.objects.filter(kind="settle").count() == 1
    assert_books_are_proved()


def test_a_lost_worker_gives_the_scan_back_to_the_queue(now: datetime) -> None:
    account = account_with(now=now)
    press(account, ImageFactory.create_batch(1, account=account), now)
    lost = working.claim(account_id=account.pk, limit=5, now=now)
    assert lost
    later = now + working.LEASE + SECOND

    assert working.sweep(now=later)["requeued"] == 1

    def brought(token: UUID) -> int:
        scan = lost.scans[0].pk
        ended = ending.Ended(scan, token, Scan.Outcome.SUCCEEDED, report=report())
        return ending.end(account_id=account.pk, ended=[ended], now=later)

    assert brought(lost.token) == 0
    found = working.claim(account_id=account.pk, limit=5, now=later)
    assert found
    assert (brought(lost.token), brought(found.token)) == (0, 1)
    assert_books_are_proved()
