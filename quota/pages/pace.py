"""How fast quota is used, and what schedules will take: columns of the windows' query,
so that the forecast costs a page no query of its own."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, Protocol

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    BigIntegerField,
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce

from quota.models import (
    LedgerBatch,
    LedgerEntry,
    QuotaWindow,
    ScanReason,
    Schedule,
    ScheduledRun,
    Scope,
    Tariff,
    UsageBin,
)
from quota.pages.words import Clock
from quota.rules.advice import Demand
from quota.rules.forecast import MEASURED, Forecast, Run, forecast, measured_from
from quota.rules.scheduling import Timing, runs_until

Kind = LedgerEntry.Kind
# The roll-up counts whole quarters of an hour; a window may begin within one.
BIN = timedelta(minutes=15)
# A run over a set list is foreseen image by image. What is recommended depends on what
# grows old, so its runs count in the pace.
FIXED = (Scope.SELECTED, Scope.ALL)


class Open(Protocol):
    """What the forecast reads of an open window."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def free(self) -> int: ...


class Pace(NamedTuple):
    """The columns: what was spent in the measured days, and of it by the schedules
    below as they will again; then these schedules, one place each in the four lists."""

    spent: Sequence[int]
    spent_by_runs: Sequence[int]
    dues: Sequence[datetime]
    cycles: Sequence[int]
    starts: Sequence[time]
    images: Sequence[int]


def pace_columns(account: int, now: datetime, since: datetime) -> dict[str, Any]:
    """The columns of ``Pace``, to annotate the windows open at ``now`` with. Each is
    asked for once, however many windows are open."""
    opened = QuotaWindow.objects.drawable_at(account, now).order_by("starts_at")
    reset = ExpressionWrapper(
        Subquery(opened.values("starts_at")[:1]) - Value(BIN),
        output_field=DateTimeField(),
    )
    bins = UsageBin.objects.filter(
        account=account, starts_at__gte=since, starts_at__gt=reset
    )
    held = Case(
        When(kind=Kind.HOLD, then=F("tenths")),
        When(kind=Kind.RELEASE, then=-F("tenths")),
        default=Value(0),
    )
    schedules = Schedule.objects.filter(
        account=account, is_on=True, scope__in=FIXED
    ).order_by("kind")
    runs = ScheduledRun.objects.filter(account=account, task__isnull=False)
    last = runs.filter(schedule=OuterRef("pk")).order_by("-due_at")
    measured = runs.filter(
        due_at__gte=since, due_at__gt=reset, schedule__in=schedules.values("pk")
    )
    earlier = runs.filter(schedule=OuterRef("schedule"), due_at__lt=OuterRef("due_at"))
    begun = measured.filter(~Exists(earlier))
    # What is new to a later run will be so again: first scans stay in the pace.
    certain = Q(reason=ScanReason.REPEAT) | Q(task__in=begun.values("task"))
    by_runs = LedgerBatch.objects.filter(
        certain, account=account, task__in=measured.values("task")
    )
    return {
        "spent": _sum(bins, held),
        "spent_by_runs": _sum(by_runs, held),
        "dues": ArraySubquery(schedules.values("due_at")),
        "cycles": ArraySubquery(schedules.values("cycle_days")),
        "starts": ArraySubquery(schedules.values("start")),
        "images": ArraySubquery(
            schedules.annotate(
                last_images=Coalesce(Subquery(last.values("task__images")[:1]), 0)
            ).values("last_images")
        ),
    }


def _sum(rows: QuerySet[Any], amount: Any) -> ArraySubquery:
    """A list of one sum, or of none."""
    summed = rows.order_by().values("account").annotate(sum_of=Sum(amount))
    whole = summed.annotate(tenths_of=Cast("sum_of", BigIntegerField()))
    return ArraySubquery(whole.values("tenths_of"))


def since_when(now: datetime) -> datetime:
    """The earliest instant the pace may be measured from."""
    return now - MEASURED


def foreseen(
    pace: Pace,
    windows: Sequence[Open],
    tariff: Tariff,
    clock: Clock,
    *,
    cycle_days: int = 0,
    more_tenths: int = 0,
) -> Forecast | None:
    """Whether what is left lasts to the first reset, the pace measured since the
    earliest open window began or over seven days; with ``cycle_days`` as if no schedule
    ran more often, with ``more_tenths`` as if they were bought. None where it is too
    early to say."""
    resets_at = windows[0].ends_at
    began = min(window.starts_at for window in windows)
    spent = sum(pace.spent) - sum(pace.spent_by_runs)
    return forecast(
        left_tenths=sum(window.free for window in windows) + more_tenths,
        spent_tenths=max(0, spent),
        since=measured_from(began, clock.now),
        now=clock.now,
        resets_at=resets_at,
        runs=list(_runs(pace, resets_at, clock, tariff.repeat_tenths, cycle_days)),
    )


def demand(
    pace: Pace, windows: Sequence[Open], tariff: Tariff, clock: Clock, until: datetime
) -> Demand:
    """What is wanted until then, at the pace of the last days."""
    began = min(window.starts_at for window in windows)
    return Demand(
        now=clock.now,
        spent_tenths=max(0, sum(pace.spent) - sum(pace.spent_by_runs)),
        measured=clock.now - measured_from(began, clock.now),
        runs=list(_runs(pace, until, clock, tariff.repeat_tenths, 0)),
    )


def _runs(
    pace: Pace, until: datetime, clock: Clock, repeat_tenths: int, cycle_days: int
) -> Iterator[Run]:
    """The runs to come, each over the images of the last one, all scanned before."""
    schedules = zip(pace.dues, pace.cycles, pace.starts, pace.images, strict=True)
    for due, days, start, images in schedules:
        timing = Timing(max(days, cycle_days), start, None, clock.zone)
        for at in runs_until(due, timing, until):
            yield Run(at, images * repeat_tenths)
