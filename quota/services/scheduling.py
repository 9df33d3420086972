"""Saving a schedule and taking it back; starting what is due, once (rules 5.12)."""

import logging
from collections import Counter
from datetime import datetime
from uuid import UUID, uuid5

from django.db import OperationalError, transaction

from accounts.models import Account, User
from quota.errors import (
    AlreadyScanning,
    InsufficientQuota,
    NotActive,
    NothingFits,
    NothingToScan,
    ScheduleMoved,
)
from quota.models import Kind, Scan, ScanTask, Schedule, ScheduledRun, Term
from quota.models.schedules import Settings
from quota.rules.scheduling import due_after_saving, following, latest_due, stop_of
from quota.services import ending, run_notices, scanning
from quota.services.scanning import ScanRequest
from quota.services.sweeping import in_turn

logger = logging.getLogger(__name__)
Outcome = ScheduledRun.Outcome
RUNS = UUID("7a0b1d3c-52a1-4a0e-9d0a-8f4f6a3d2c11")
NOT_REACHED = "Not reached by the stop-by time. The next run comes to it."
TIME_CAME = "The stop-by time came first."
NAMES = {1: "Daily schedule", 7: "Weekly schedule"}


@transaction.atomic
def save(
    *,
    account: Account,
    kind: Kind,
    settings: Settings,
    revision: int,
    by: User | None,
    now: datetime,
) -> Schedule:
    """Save the schedule of a list over ``revision``, 0 being none yet.

    Refuses what was made from another revision (409). The run that is due stays due
    while cycle and start stay, also when its time has passed; else the next one is the
    next time the clock shows the start. What was replaced can be brought back for ten
    minutes.
    """
    locked = Account.objects.lock(account.pk)
    found = Schedule.objects.filter(account=locked, kind=kind).first()
    if revision != (found.revision if found else 0):
        raise ScheduleMoved
    before = found.settings if found else Settings()
    due_at = found.due_at if found else None
    saved = Schedule(
        pk=found.pk if found else None,
        account=locked,
        kind=kind.value,
        revision=revision + 1,
        previous=_kept(before, due_at),
        saved_by=by,
        saved_at=now,
        due_at=_due(settings, before, due_at, locked, now),
        **_columns(settings),
    )
    _write(saved)
    return saved


@transaction.atomic
def undo(
    *, account: Account, kind: Kind, revision: int, by: User, now: datetime
) -> Schedule:
    """Bring back what the last saving replaced.

    Refuses after ten minutes, twice, and where somebody saved since (409).
    """
    locked = Account.objects.lock(account.pk)
    found = Schedule.objects.filter(account=locked, kind=kind).first()
    if not found or found.revision != revision or not found.can_undo(now):
        raise ScheduleMoved
    assert found.previous  # noqa: S101 -- can_undo() looked
    settings = Settings.from_plain(found.previous["settings"])
    was_due = found.previous["due_at"]
    due_at = datetime.fromisoformat(was_due) if was_due else None
    if due_at is None or due_at <= now:  # it may have run since
        due_at = _due(settings, found.settings, found.due_at, locked, now)
    restored = Schedule(
        pk=found.pk,
        account=locked,
        kind=kind.value,
        revision=revision + 1,
        previous=None,
        saved_by=by,
        saved_at=now,
        due_at=due_at,
        **_columns(settings),
    )
    _write(restored)
    return restored


def _kept(settings: Settings, due_at: datetime | None) -> dict[str, object]:
    due = due_at.isoformat() if due_at else None
    return {"settings": settings.plain(), "due_at": due}


def _due(
    settings: Settings,
    before: Settings,
    due_at: datetime | None,
    account: Account,
    now: datetime,
) -> datetime | None:
    if not settings.is_on:
        return None
    zone = account.zone_info
    return due_after_saving(due_at, before.timing(zone), settings.timing(zone), now)


def _columns(settings: Settings) -> dict[str, object]:
    columns = {name: getattr(settings, name) for name in Settings.__slots__}
    lists = ("categories", "images", "left_out")
    return columns | {name: list(columns[name]) for name in lists}


def _write(schedule: Schedule) -> None:
    if schedule.pk is None:
        schedule.save(force_insert=True)
        return
    names = [field.name for field in Schedule._meta.concrete_fields]
    kept = {"id", "account", "kind"}
    schedule.save(update_fields=[name for name in names if name not in kept])


def queue_due(*, now: datetime) -> int:
    """Start what is due, in every account. Returns how many runs were recorded.

    A run that breaks is recorded as InternalError and told, and the others go on. A
    lock that cannot be had leaves a schedule due, for the next minute.
    """
    due = Schedule.objects.filter(is_on=True, due_at__lte=now).order_by("due_at", "pk")
    return in_turn(
        due.only("account"),
        lambda schedule: _attempt(schedule.account_id, schedule.pk, now),
    )


def _attempt(account_id: int, schedule_id: int, now: datetime) -> int:
    try:
        return run_due(account_id=account_id, schedule_id=schedule_id, now=now)
    except OperationalError:
        logger.warning("Schedule %s waits for the next minute.", schedule_id)
        return 0
    except Exception:
        # Whatever broke one schedule is recorded as its outcome; the others still run.
        logger.exception("Schedule %s could not run.", schedule_id)
        return run_due(
            account_id=account_id, schedule_id=schedule_id, now=now, is_broken=True
        )


@transaction.atomic
def run_due(
    *, account_id: int, schedule_id: int, now: datetime, is_broken: bool = False
) -> int:
    """Start the run that is due, and move the schedule on, or neither.

    After an outage the latest missed run is made up and earlier ones are passed over;
    past its stop-by it gets as long as it would have had, from when it starts.
    Run twice, or by two workers, it records one run and starts one task: the second
    finds the schedule moved on. Returns how many runs it recorded.
    """
    account = Account.objects.lock(account_id)
    schedule = Schedule.objects.filter(
        account=account, pk=schedule_id, is_on=True, due_at__lte=now
    ).first()
    if schedule is None or schedule.due_at is None:
        return 0
    timing = schedule.settings.timing(account.zone_info)
    due = latest_due(schedule.due_at, timing, now)
    run = ScheduledRun(account=account, schedule=schedule, due_at=due, ran_at=now)
    if is_broken:
        run.outcome = Outcome.INTERNAL_ERROR
        run.reason = "Something broke on our side. We have been told."
    else:
        _start(run, account, schedule, now)
    run.save(force_insert=True)
    Schedule.objects.filter(account=account, pk=schedule.pk).update(
        due_at=following(due, timing)
    )
    run_notices.tell(run, now)
    return 1


def _start(
    run: ScheduledRun, account: Account, schedule: Schedule, now: datetime
) -> None:
    """Start the run's task, or note why there is none."""
    run.outcome = Outcome.SKIPPED
    if not _was_active(account, run.due_at):
        run.reason = "Professional Edition was not active when it was due."
        return
    if _still_going(schedule):
        run.reason = "The run before it was still going."
        return
    try:
        run.task, run.cut = _reserve(run, account, schedule, now)
        run.outcome = Outcome.SUCCESS
    except NotActive as refusal:
        run.reason = str(refusal)
    except (InsufficientQuota, NothingFits) as refusal:
        run.outcome, run.reason = Outcome.INSUFFICIENT_LICENSE, str(refusal)
    except (AlreadyScanning, NothingToScan):
        run.outcome = Outcome.IMAGE_NEED_IS_EMPTY
        run.reason = "No image needed scanning."


def _reserve(
    run: ScheduledRun, account: Account, schedule: Schedule, now: datetime
) -> tuple[ScanTask, int]:
    """Reserve as a press does. Returns the task, and how many images did not fit."""
    settings, kind = schedule.settings, Kind(schedule.kind)
    selection = settings.selection(kind)
    wanted = scanning.quote(account=account, selection=selection, now=now)
    task = scanning.reserve(
        account=account,
        request=ScanRequest(
            selection=selection,
            categories=settings.categories,
            title=f"{name_of(schedule)}, {kind} images",
            fit=settings.fit,
            stop_by=stop_of(run.due_at, settings.timing(account.zone_info), now),
        ),
        agreed=None,
        key=uuid5(RUNS, f"{account.pk}:{schedule.pk}:{run.due_at.isoformat()}"),
        by=None,
        now=now,
    )
    return task, wanted.all.images - task.images


def name_of(schedule: Schedule) -> str:
    """What its tasks are called."""
    days = schedule.cycle_days
    return NAMES.get(days, f"Schedule every {days} days")


def _was_active(account: Account, due: datetime) -> bool:
    """Whether a term that was already paid covered the time the run was due: what was
    due while suspended is not made up, though a renewal counts from before it."""
    return Term.objects.filter(
        account=account, starts_at__lte=due, ends_at__gt=due, order__created_at__lte=due
    ).exists()


def _still_going(schedule: Schedule) -> bool:
    return ScheduledRun.objects.filter(
        account=schedule.account_id,
        schedule=schedule,
        task__isnull=False,
        task__ended_at=None,
    ).exists()


@transaction.atomic
def stop_overdue(*, account_id: int, now: datetime) -> int:
    """Release what no worker claimed by its task's stop-by; note it on the run and
    tell it. Returns how many scans were released; a second call finds none."""
    account = Account.objects.lock(account_id)
    overdue = Scan.objects.filter(
        account=account, state="queued", task__stop_by__lte=now
    )
    unreached = Counter(overdue.values_list("task", flat=True))
    if not unreached:
        return 0
    released = ending.release_queued(
        account_id, overdue, Scan.Outcome.EXPIRED, NOT_REACHED, now
    )
    runs = ScheduledRun.objects.filter(account=account, task__in=unreached)
    for run in runs.select_related("account", "task", "schedule").order_by("pk"):
        assert run.task  # noqa: S101 -- chosen by it
        count = unreached[run.task.pk]
        run.cut += count
        runs.filter(pk=run.pk).update(cut=run.cut)
        reached = run.task.images - count
        run_notices.tell_cut(run, reached, TIME_CAME, now)
    return released
