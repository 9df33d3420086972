"""How the whole stands, in figures for a monitor: what waits, and for how long."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, Sum
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinateWorker,
)

from accounts.models import Letter, Notice
from quota.models import ReconcileRun, Scan

# Three of a worker's heartbeats, which come every ten seconds.
ALIVE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure. Its name says the unit."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def vitals(now: datetime) -> Iterator[Vital]:
    """All figures, in a constant number of statements over what is open; an age is 0
    where nothing waits."""
    yield from _jobs(now)
    yield from _scans(now)
    yield from _messages(now)
    yield from _books(now)


def _jobs(now: datetime) -> Iterator[Vital]:
    rows = ProcrastinateJob.objects.filter(status__in=["todo", "doing", "failed"])
    counts = rows.values_list("queue_name", "status").annotate(Count("pk")).order_by()
    for queue, status, number in counts:
        labels = {"queue": queue, "status": status}
        yield Vital("tcss_jobs", "Jobs by queue and status.", number, labels)
    yield Vital(
        "tcss_oldest_due_job_seconds", "How long the oldest due job has waited.",
        _age(_oldest_due(now), now),
    )  # fmt: skip
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=now - ALIVE)
    yield Vital("tcss_workers", "Workers with a heartbeat of late.", alive.count())


def _oldest_due(now: datetime) -> datetime | None:
    """A job that was put off is due then; any other since it was queued."""
    waiting = ProcrastinateEvent.objects.filter(
        type="deferred", job__status="todo", job__scheduled_at=None
    )
    put_off = ProcrastinateJob.objects.filter(status="todo", scheduled_at__lte=now)
    since = [
        waiting.aggregate(since=Min("at"))["since"],
        put_off.aggregate(since=Min("scheduled_at"))["since"],
    ]
    return min((each for each in since if each), default=None)


def _scans(now: datetime) -> Iterator[Vital]:
    queued, running = Q(state="queued"), Q(state="running")
    found = Scan.objects.filter(queued | running).aggregate(
        queued=Count("pk", filter=queued),
        running=Count("pk", filter=running),
        held=Sum("cost_tenths", default=0),
        unclaimed=Min("held_at", filter=queued),
        claimed=Min("claimed_at", filter=running),
        lease=Min("lease_until", filter=running),
    )
    for state in ("queued", "running"):
        words = "Scans that hold quota, by state."
        yield Vital("tcss_holds", words, found[state], {"state": state})
    yield Vital("tcss_held_tenths", "Quota held, in tenths.", found["held"])
    for name, words in (
        ("unclaimed", "How long the oldest hold has waited for a worker."),
        ("claimed", "How long ago the oldest running scan was claimed."),
        ("lease", "For how long the most overdue lease has run out."),
    ):
        since = _age(found[name], now)
        yield Vital(f"tcss_oldest_{name}_seconds", words, since)


def _messages(now: datetime) -> Iterator[Vital]:
    for kind, model in (("notice", Notice), ("letter", Letter)):
        rows = model.objects.filter(state__in=["queued", "sending", "failed"])
        counts = rows.values_list("channel", "state").annotate(Count("pk")).order_by()
        for channel, state, number in counts:
            labels = {"kind": kind, "channel": channel, "state": state}
            words = "Messages that are not sent, by state."
            yield Vital("tcss_messages", words, number, labels)
        due = rows.filter(state="queued", due_at__lte=now).aggregate(
            since=Min("due_at")
        )
        yield Vital(
            "tcss_oldest_due_message_seconds", "How long the oldest has been due.",
            _age(due["since"], now), {"kind": kind},
        )  # fmt: skip


def _books(now: datetime) -> Iterator[Vital]:
    """Nothing where they were never proved: an alarm on an absent figure tells that."""
    run = ReconcileRun.objects.order_by("-started_at").first()
    if run is None:
        return
    yield Vital(
        "tcss_reconcile_age_seconds", "How long ago the books were proved.",
        _age(run.ended_at, now),
    )  # fmt: skip
    yield Vital(
        "tcss_reconcile_broken_claims", "Claims about the books that do not hold.",
        len(run.broken),
    )  # fmt: skip


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
