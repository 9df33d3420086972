"""What workers do: claim queued scans with a lease, look, bring back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least
from django.db.models.lookups import IsNull

from accounts.models import Account
from quota.models import Scan, Sighting, Subscription
from quota.models.sql import run_prepared
from quota.rules.lifecycle import SubscriptionState
from quota.scanners.port import Category, ScanFailed, Scanner
from quota.services import ending, pulling, registries, scheduling, waking
from quota.services.ending import Ended
from quota.services.pulling import Ticket
from quota.sources import open_source
from quota.sources.content import ImageContent, SourceError

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
# How often a busy worker looks whether it is to stop, and how long it then goes on
# with the image in hand before others may have it.
LOOK = 0.5
PATIENCE = timedelta(seconds=10)
UNCLAIMED = timedelta(hours=24)
MAX_ATTEMPTS = 3
INACTIVE = "Professional Edition expired before the scan began. Renew, then scan again."
ABANDONED = "The task was stopped before this scan could begin again. Scan again."
NOTHING_KNOWN = (
    "Nothing in this image could be assessed. Choose other risk categories, or ask for"
    " another scan engine."
)
GONE = "The image is no longer there. Update images, then scan again."
TOO_LATE = "The scan did not finish in time. Scan again with a longer time limit."
WORKERS_GONE = (
    "The scan was cut off three times before it ended. Scan again; if that does not"
    " help, tell support."
)
NO_SCANNER = "No scanner was free within 24 hours. Scan again."
Clock = Callable[[], datetime]
Stopping = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """Scans that this worker alone may work on until the lease runs out."""

    account_id: int
    token: UUID
    scans: Sequence[Scan]


@dataclass(frozen=True, slots=True)
class _Engines:
    """The operator's scanner, and those that registries ask for by name."""

    usual: Scanner
    named: Callable[[str], Scanner] | None

    def of(self, sighting: Sighting) -> Scanner:
        name = sighting.registry.scanner if sighting.registry else ""
        return self.named(name) if name and self.named else self.usual


@transaction.atomic
def claim(*, account_id: int, limit: int, now: datetime) -> Claim | None:
    """Claim the oldest queued scans of an account, or none if it has none.

    Each gets a lease, renewed while the worker lives, and a deadline: the task's time
    limit from now (rules 5.9). Scans another worker is claiming are skipped.
    """
    subscription = Subscription.objects.current(account_id, now)
    if not subscription or subscription.state(now) is not SubscriptionState.ACTIVE:
        return None
    queued = (
        Scan.objects.filter(
            Q(task__stop_by=None) | Q(task__stop_by__gt=now),
            account=account_id,
            state="queued",
            task__stopped_at=None,
        )
        .order_by("pk")
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("task")[:limit]
    )
    scans, token = list(queued), uuid4()
    if not scans:
        return None
    limits = {scan.pk: timedelta(seconds=scan.task.time_limit) for scan in scans}
    for scan in scans:
        scan.deadline_at = now + limits[scan.pk]
    run_prepared(
        """
        UPDATE quota_scan s
        SET state = 'running', claim = %(claim)s, claimed_at = %(now)s,
            lease_until = %(lease)s, deadline_at = d.deadline, attempts = s.attempts + 1
        FROM unnest(%(scans)s::bigint[], %(deadlines)s::timestamptz[])
             AS d(id, deadline)
        WHERE s.account_id = %(account)s AND s.id = d.id
        """,
        {
            "account": account_id,
            "claim": token,
            "scans": [scan.pk for scan in scans],
            "deadlines": [scan.deadline_at for scan in scans],
            "now": now,
            "lease": now + LEASE,
        },
    )
    return Claim(account_id, token, scans)


def renew(*, claim: Claim, now: datetime) -> int:
    """Extend the lease of what is still running under this claim, never past its
    deadline: then it ends, whatever its worker does (rules 5.9)."""
    return Scan.objects.filter(
        account=claim.account_id, claim=claim.token, state="running"
    ).update(lease_until=Least(Value(now + LEASE), F("deadline_at")))


@transaction.atomic
def give_back(*, claim: Claim) -> int:
    """Queue again at once what is still running under this claim, and have others look:
    nobody waits for the lease of a worker that stops. It does not count as an attempt.
    A second call finds nothing."""
    returned = Scan.objects.filter(
        account=claim.account_id, claim=claim.token, state="running"
    ).update(
        state="queued", claim=None, lease_until=None, attempts=F("attempts") - 1
    )  # fmt: skip
    if returned:
        waking.wake_scanners(claim.account_id)
    return returned


def _never() -> bool:
    return False


def work(
    *,
    account_id: int,
    scanner: Scanner,
    clock: Clock,
    named: Callable[[str], Scanner] | None = None,
    stopping: Stopping = _never,
) -> int:
    """Scan until the account has nothing queued, or the worker is to stop. Returns how
    many scans ended.

    One image at a time: each has its whole time limit, its result is there as soon as
    it is known, and what ends its worker ends no other scan. No transaction is open
    while an image is looked into. ``named`` finds the scanner that a registry asks for
    by name; without it, and for all others, it is ``scanner``.
    """
    engines = _Engines(scanner, named)
    total = 0
    while not stopping():
        claimed = claim(account_id=account_id, limit=1, now=clock())
        if claimed is None:
            break
        with _lease_kept(Keeper(claimed, clock, stopping, time.monotonic())):
            ended = [_look(claimed, scan, engines, clock) for scan in claimed.scans]
        total += ending.end(account_id=account_id, ended=ended, now=clock())
    return total


@dataclass(slots=True)
class Keeper:
    """Keeps the lease of a claim while its worker is busy with an image.

    Moments are seconds of any clock that never goes back.
    """

    claim: Claim
    clock: Clock
    stopping: Stopping
    renewed: float
    asked: float | None = None

    def step(self, moment: float) -> bool:
        """Renew the lease well before it ends; True while it is kept. Is the worker to
        stop and the image takes long, the claim is given back: a result that comes
        after all is discarded."""
        if self.stopping():
            self.asked = moment if self.asked is None else self.asked
            if moment - self.asked >= PATIENCE.total_seconds():
                give_back(claim=self.claim)
                return False
        if moment - self.renewed >= LEASE.total_seconds() / 4:
            renew(claim=self.claim, now=self.clock())
            self.renewed = moment
        return True


@contextmanager
def _lease_kept(keeper: Keeper) -> Iterator[None]:
    """Let the keeper look from a thread; a database that is away for a moment does not
    end it."""
    done = threading.Event()

    def keep() -> None:
        is_kept = True
        while is_kept and not done.wait(LOOK):
            try:
                is_kept = keeper.step(time.monotonic())
            except DatabaseError:
                logger.warning("A lease could not be kept; tried again", exc_info=True)
                connection.close()
        connection.close()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _look(claimed: Claim, scan: Scan, engines: _Engines, clock: Clock) -> Ended:
    def seconds_left() -> float:
        assert scan.deadline_at  # noqa: S101 -- set when claimed
        return (scan.deadline_at - clock()).total_seconds()

    def without_result(outcome: Scan.Outcome, message: str) -> Ended:
        return Ended(scan.pk, claimed.token, outcome, message)

    sighting = _where(scan)
    if sighting is None:
        return without_result(Scan.Outcome.FAILED, GONE)
    categories = frozenset(Category(name) for name in scan.task.categories)
    scanner = engines.of(sighting)
    try:
        with _opened(claimed, scan, sighting, seconds_left, clock) as content:
            report = scanner.scan(content, categories, seconds_left)
    except (SourceError, ScanFailed) as failure:
        late = seconds_left() <= 0
        outcome = Scan.Outcome.TIMED_OUT if late else Scan.Outcome.FAILED
        return without_result(outcome, str(failure))
    if not any(assessment.assessed for assessment in report.assessments):
        return without_result(Scan.Outcome.NOT_ASSESSED, NOTHING_KNOWN)
    return Ended(scan.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report)


def _where(scan: Scan) -> Sighting | None:
    """Where to read the image: at hand rather than from a registry, and rather from a
    registry that answers; then where it was seen last."""
    return (
        Sighting.objects.filter(account=scan.account_id, image=scan.image_id)
        .select_related("source", "registry__account")
        .order_by(
            IsNull(F("registry"), True).desc(),
            F("registry__failing_since").desc(nulls_first=True),
            "-seen_at",
            "pk",
        )
        .first()
    )


@contextmanager
def _opened(
    claimed: Claim,
    scan: Scan,
    sighting: Sighting,
    seconds_left: Callable[[], float],
    clock: Clock,
) -> Iterator[ImageContent]:
    if sighting.registry is None:
        source = open_source(*_place(sighting))
        with source.open(sighting.locator) as content:
            yield content
        return
    registry = sighting.registry
    pulled = registries.opened(
        registry,
        seconds_left=seconds_left,
        before_pull=lambda: registries.take_pull(registry, clock()),
        door=lambda repository, digest: pulling.issue(
            Ticket(
                claimed.account_id,
                scan.pk,
                str(claimed.token),
                registry.pk,
                repository,
                digest,
            )
        ),
    )
    with closing(pulled), pulled.open(f"{sighting.name}@{sighting.locator}") as content:
        yield content


def _place(sighting: Sighting) -> tuple[str, str]:
    assert sighting.source  # noqa: S101 -- where there is no registry there is a source
    return sighting.source.kind, sighting.source.location


def sweep(*, now: datetime) -> dict[str, int]:
    """End or requeue what ran out of time, in every account (rules 5.9).

    A lease that ran out means that the worker is gone, or the time limit: the scan is
    queued again, up to three attempts and never past its deadline; then it is released.
    A hold nobody claimed is released when its task was stopped, its stop-by passes, the
    account stops being active, or after 24 hours.
    """
    figures = {"requeued": 0, "given_up": 0, "expired": 0, "woken": 0}
    for account_id in _accounts_with(Q(state="running", lease_until__lte=now)):
        figures["requeued"] += _requeue(account_id, now)
        figures["given_up"] += _give_up(account_id, now)
    for account_id in _accounts_with(Q(state="queued")):
        figures["expired"] += _expire(account_id, now)
    for account_id in _accounts_with(Q(state="queued")):
        waking.wake_scanners(account_id)
        figures["woken"] += 1
    return figures


def _accounts_with(condition: Q) -> list[int]:
    scans = Scan.objects.filter(condition).order_by()
    return list(scans.values_list("account", flat=True).distinct())


def _requeue(account_id: int, now: datetime) -> int:
    return Scan.objects.filter(
        account=account_id,
        state="running",
        lease_until__lte=now,
        deadline_at__gt=now,
        attempts__lt=MAX_ATTEMPTS,
    ).update(state="queued", claim=None, lease_until=None)


@transaction.atomic
def _give_up(account_id: int, now: datetime) -> int:
    Account.objects.lock(account_id)
    lost = Scan.objects.filter(
        account=account_id, state="running", lease_until__lte=now
    )
    ended = [
        Ended(scan.pk, scan.claim, *_why_given_up(scan, now))
        for scan in lost.order_by("pk")
        if scan.claim
    ]
    return ending.end(account_id=account_id, ended=ended, now=now) if ended else 0


def _why_given_up(scan: Scan, now: datetime) -> tuple[Scan.Outcome, str]:
    if scan.deadline_at and scan.deadline_at <= now:
        return Scan.Outcome.TIMED_OUT, TOO_LATE
    return Scan.Outcome.FAILED, WORKERS_GONE


def _expire(account_id: int, now: datetime) -> int:
    subscription = Subscription.objects.current(account_id, now)
    active = subscription and subscription.state(now) is SubscriptionState.ACTIVE
    waiting = Scan.objects.filter(account=account_id, state="queued")
    if not active:
        return _release(account_id, waiting, INACTIVE, now)
    unreached = scheduling.stop_overdue(account_id=account_id, now=now)
    return unreached + sum(
        _release(account_id, waiting.filter(too_late), message, now)
        for too_late, message in (
            (Q(task__stopped_at__isnull=False), ABANDONED),
            (Q(held_at__lte=now - UNCLAIMED), NO_SCANNER),
        )
    )


def _release(
    account_id: int, waiting: QuerySet[Scan], message: str, now: datetime
) -> int:
    if not waiting.exists():
        return 0
    return ending.release_queued(
        account_id, waiting, Scan.Outcome.EXPIRED, message, now
    )
