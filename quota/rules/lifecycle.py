"""States that follow from the clock or from rows; the moves allowed (rules 5, 6)."""

from datetime import datetime, timedelta
from enum import StrEnum

GRACE = timedelta(hours=5 * 24)
DELETION = timedelta(hours=6 * 24)


class SubscriptionState(StrEnum):
    """What Professional Edition is at an instant."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDING = "ending"
    TERMINATED = "terminated"


def subscription_state(ends_at: datetime, now: datetime) -> SubscriptionState:
    """Return the state at ``now`` of a subscription that ends at ``ends_at``.

    Five times 24 hours after the end, to the instant, it can still be renewed; six
    times 24 hours after, it is terminated.
    """
    if now < ends_at:
        return SubscriptionState.ACTIVE
    if now <= ends_at + GRACE:
        return SubscriptionState.SUSPENDED
    if now < ends_at + DELETION:
        return SubscriptionState.ENDING
    return SubscriptionState.TERMINATED


def can_grow(
    ends_at: datetime, natural_end: datetime, edition_end: datetime, now: datetime
) -> bool:
    """Say whether a renewal could still lengthen a window: it was cut, not before the
    end of Professional Edition, and that can still be renewed (rules 3.4)."""
    is_cut = ends_at < natural_end and ends_at >= edition_end
    return is_cut and now <= edition_end + GRACE


class ScanState(StrEnum):
    """Where one scan is."""

    QUEUED = "queued"
    RUNNING = "running"
    SETTLED = "settled"
    RELEASED = "released"


# A running scan goes back to the queue when its worker is gone. An end is an end.
ALLOWED: dict[ScanState, frozenset[ScanState]] = {
    ScanState.QUEUED: frozenset({ScanState.RUNNING, ScanState.RELEASED}),
    ScanState.RUNNING: frozenset(
        {ScanState.QUEUED, ScanState.SETTLED, ScanState.RELEASED}
    ),
    ScanState.SETTLED: frozenset(),
    ScanState.RELEASED: frozenset(),
}


class TaskState(StrEnum):
    """What a task is, as its scans say."""

    WAITING = "waiting"
    SCANNING = "scanning"
    FINISHED = "finished"
    STOPPED = "stopped"


def task_state(
    queued: int, running: int, settled: int, released: int, stopped: bool
) -> TaskState:
    """Derive a task's state from how many of its scans are where, so that none can be
    stuck. A stopped task is stopped once its claimed scans have ended.

    >>> task_state(queued=2, running=0, settled=1, released=0, stopped=False).value
    'scanning'
    """
    if queued or running:
        begun = running or settled or released
        return TaskState.SCANNING if begun else TaskState.WAITING
    return TaskState.STOPPED if stopped else TaskState.FINISHED
