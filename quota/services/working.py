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
from django.db.models import F, Q, Value
from django.db.models.functions import Least
from django.db.models.lookups import IsNull

from quota.models import Scan, Sighting, Subscription
from quota.models.sql import run_prepared
from quota.rules.lifecycle import SubscriptionState
from quota.scanners.port import Category, ScanFailed, Scanner
from quota.services import ending, pulling, registries, waking
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
NOTHING_KNOWN = (
    "Nothing in this image could be assessed. Choose other risk categories, or ask for"
    " another scan engine."
)
GONE = "The image is no longer there. Update images, then scan again."
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
