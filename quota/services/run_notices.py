"""Telling that a scheduled run was skipped or cut, once."""

from datetime import datetime

from accounts.models import Notice
from accounts.services import notices
from accounts.services.notices import Audience
from quota.models import ScheduledRun
from quota.rules.dates import moment_words


def tell(run: ScheduledRun, now: datetime) -> None:
    """Owe a notice of a run that has just been recorded, unless it went well. That
    nothing needed scanning is nothing to be told."""
    if run.task and run.cut:
        tell_cut(run, run.task.images, "Quota ran out.", now)
    elif run.task is None and run.outcome != ScheduledRun.Outcome.IMAGE_NEED_IS_EMPTY:
        context = {**_context(run), "reason": run.reason}
        _queue(run, Notice.Kind.RUN_SKIPPED, context, now)


def tell_cut(run: ScheduledRun, reached: int, reason: str, now: datetime) -> None:
    """Owe a notice of a run that did not reach all of its images."""
    context = {
        **_context(run),
        "scanned": f"{reached:,}",
        "wanted": f"{reached + run.cut:,} images",
        "reason": reason,
    }
    _queue(run, Notice.Kind.RUN_CUT, context, now)


def _context(run: ScheduledRun) -> dict[str, object]:
    schedule, days = run.schedule, run.schedule.cycle_days
    every = "every day" if days == 1 else f"every {days} days"
    return {
        "schedule": f"{schedule.kind.capitalize()} images, {every}",
        "due": moment_words(run.due_at, run.account.zone_info),
    }


def _queue(
    run: ScheduledRun, kind: Notice.Kind, context: dict[str, object], now: datetime
) -> None:
    notices.queue(
        account=run.account,
        kind=kind,
        audience=Audience.SCANS,
        subject=f"run:{run.pk}",
        context=context,
        now=now,
    )
