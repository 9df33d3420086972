"""*Scheduled scan settings*: the last run in words, and what the next ones cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.urls import reverse

from accounts.models import Account
from quota.candidates import ScanQuote
from quota.models import Image, Kind, Schedule, ScheduledRun, Scope, Tariff
from quota.models.schedules import LEEWAY_HOURS, Settings
from quota.models.selection import RECOMMENDED_AFTER
from quota.pages.header import Standing
from quota.pages.platforms import passed_over
from quota.pages.words import Clock, plural, zone_label
from quota.rules.scheduling import (
    CYCLES,
    Outlook,
    due_after_saving,
    outlook,
    runs_until,
)
from quota.rules.units import format_quota, format_quota_column

LISTED = 200
REST = RECOMMENDED_AFTER - timedelta(hours=LEEWAY_HOURS)
# The sweeper looks every minute; what began later than this was missed and made up.
MADE_UP = timedelta(minutes=15)
Outcome = ScheduledRun.Outcome


class ScopeChoice(NamedTuple):
    """One of the choices under *Images*: what its first run costs, and later ones."""

    value: str
    label: str
    words: str
    cost: str
    then: str
    is_chosen: bool


class ChosenImage(NamedTuple):
    """One image of the list that *Chosen images* means."""

    id: int
    name: str


class Line(NamedTuple):
    """One line of the sum."""

    label: str
    quota: str


@dataclass(frozen=True, slots=True)
class Costs:
    """What the schedule costs until the reset."""

    lines: Sequence[Line]
    total_label: str
    total: str
    is_short: bool
    warning: str
    advice: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run in words."""

    words: str
    url: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """The settings of one list's schedule."""

    times: str
    last_run: LastRun | None
    choices: Sequence[ScopeChoice]
    chosen: Sequence[ChosenImage]
    chosen_more: Sequence[int]
    chosen_words: str
    costs: Costs | None
    passed_over: str
    next_run: str


def schedule_page(
    *,
    account: Account,
    kind: Kind,
    schedule: Schedule | None,
    settings: Settings,
    quotes: Mapping[Scope, ScanQuote],
    stands: Standing,
    now: datetime,
) -> SchedulePage:
    """The page of these settings, saved or not; without quotes no cost is shown."""
    clock = Clock(account, now)
    choices = [
        _choice(scope, quoted, settings, kind, stands.tariff)
        for scope, quoted in quotes.items()
    ]
    due = due_of(schedule, settings, account, now)
    quoted = quotes.get(settings.scope)
    chosen = _chosen(account, settings.images)
    more = settings.images[LISTED:]
    return SchedulePage(
        times=f"{kind.capitalize()} images. Times are in "
        f"{zone_label(account.zone_info, now)}.",
        last_run=_last_run(schedule, account, clock),
        choices=choices,
        chosen=chosen,
        chosen_more=more,
        chosen_words=f"and {len(more):,} more" if more else "",
        costs=_costs(account, settings, quoted, stands, due, clock) if quoted else None,
        passed_over=passed_over(account, settings.selection(kind), now),
        next_run=next_run_words(settings, quoted, due, clock),
    )


def due_of(
    schedule: Schedule | None, settings: Settings, account: Account, now: datetime
) -> datetime:
    """When these settings would first run: as saving them decides it."""
    due, saved = (schedule.due_at, schedule.settings) if schedule else (None, settings)
    zone = account.zone_info
    return due_after_saving(due, saved.timing(zone), settings.timing(zone), now)


def next_run_words(
    settings: Settings, quoted: ScanQuote | None, due: datetime, clock: Clock
) -> str:
    """``Next run: tomorrow, 02:00, costs 18.4.``; one that was missed comes now."""
    if not settings.is_on:
        return "The schedule is off."
    when = "now" if due <= clock.now else clock.running_moment(due)
    cost = f", costs {format_quota(quoted.all.cost_tenths)}" if quoted else ""
    return f"Next run: {when}{cost}."


def _choice(
    scope: Scope, quoted: ScanQuote, settings: Settings, kind: Kind, tariff: Tariff
) -> ScopeChoice:
    labels = {
        Scope.RECOMMENDED: "Recommended",
        Scope.SELECTED: "Chosen images",
        Scope.ALL: f"All {kind} images",
    }
    images, later = quoted.all.images, quoted.all.images * tariff.repeat_tenths
    words = f"{plural(images, 'image')}, {quoted.all.firsts:,} never scanned"
    if scope is Scope.RECOMMENDED:
        words = (
            f"{plural(images, 'image')} in running containers, not scanned in 7 days"
        )
    if scope is Scope.SELECTED:
        missing = len(settings.images) - images - quoted.all.left_out
        words = plural(images, "image")
        words += f", {missing:,} left out or gone" if missing else ""
    cost = quoted.all.cost_tenths
    return ScopeChoice(
        value=scope.value,
        label=labels[scope],
        words=words,
        cost=format_quota(cost),
        then=f"then {format_quota(later)}" if later != cost else "",
        is_chosen=scope is settings.scope,
    )


def _chosen(account: Account, ids: Sequence[int]) -> Sequence[ChosenImage]:
    images = Image.objects.filter(account=account, pk__in=ids[:LISTED])
    rows = images.only("name", "tag", "digest", "repository", "repository_tag")
    return [ChosenImage(image.pk, str(image)) for image in rows.order_by("name", "tag")]


def _last_run(
    schedule: Schedule | None, account: Account, clock: Clock
) -> LastRun | None:
    if schedule is None:
        return None
    runs = ScheduledRun.objects.filter(account=account, schedule=schedule)
    run = runs.select_related("task").order_by("-due_at").first()
    if run is None:
        return LastRun("It has not run yet.", "", is_bad=False)
    when = f"Last run {clock.running_moment(run.due_at)}{_made_up(run, clock)}"
    if run.task is None:
        words = f"{when}: {run.get_outcome_display().lower()}. {run.reason}"
        return LastRun(words, "", is_bad=run.outcome != Outcome.IMAGE_NEED_IS_EMPTY)
    task = run.task
    used = f"{plural(task.settled, 'image')}, {format_quota(task.used_tenths)} quota"
    parts = [used if task.ended_at else f"{used} so far"]
    if task.failed:
        parts.append(f"{task.failed:,} failed")
    if run.cut:
        parts.append(f"{run.cut:,} not reached")
    url = reverse("quota:task", args=[account.slug, task.pk])
    return LastRun(f"{when}: {', '.join(parts)}", url, is_bad=run.cut > 0)


def _made_up(run: ScheduledRun, clock: Clock) -> str:
    """When a missed run was made up, and how long it could go on."""
    if run.task is None or run.ran_at - run.due_at < MADE_UP:
        return ""
    made_up = f", made up {clock.running_moment(run.ran_at)}"
    if run.task.stop_by is None:
        return made_up
    return f"{made_up}, with time until {clock.time(run.task.stop_by)}"


def _costs(
    account: Account,
    settings: Settings,
    quoted: ScanQuote,
    stands: Standing,
    due: datetime,
    clock: Clock,
) -> Costs:
    windows, tariff = stands.windows, stands.tariff
    reset = windows[0].ends_at if windows else clock.now
    later = quoted.all.images * tariff.repeat_tenths

    def until_reset(days: int) -> Outlook:
        timing = replace(settings, cycle_days=days).timing(account.zone_info)
        return outlook(
            runs_until(due, timing, reset),
            first_tenths=quoted.all.cost_tenths,
            later_tenths=later,
            left_tenths=quoted.available_tenths,
            rest=REST if settings.scope is Scope.RECOMMENDED else timedelta(),
        )

    seen = until_reset(settings.cycle_days)
    short = seen.short_tenths
    after = seen.left_tenths - seen.total_tenths
    return Costs(
        lines=_lines(seen, quoted, clock.date(reset)),
        total_label="Short by" if short else "Left for scans you start yourself",
        total=format_quota_column(short or after),
        is_short=short > 0,
        warning=_warning(seen, clock),
        advice=_advice(settings, [(d, until_reset(d)) for d in CYCLES])
        if short
        else "",
    )


def _lines(seen: Outlook, quoted: ScanQuote, reset: str) -> Sequence[Line]:
    if not seen.runs:
        return [Line(f"No run before the reset on {reset}", format_quota_column(0))]
    kinds = f"{quoted.all.firsts:,} first, {quoted.all.repeats:,} repeat"
    lines = [Line(f"First run: {kinds}", format_quota_column(seen.first_tenths))]
    if seen.runs > 1:
        lines += [
            Line("Each later run", format_quota_column(seen.later_tenths)),
            Line(
                f"{plural(seen.runs, 'run')} until the reset on {reset}",
                format_quota_column(seen.total_tenths),
            ),
        ]
    return [*lines, Line("Left now", format_quota_column(seen.left_tenths))]


def _warning(seen: Outlook, clock: Clock) -> str:
    if seen.unfit_at is None:
        return ""
    return (
        f"The run of {clock.day(seen.unfit_at)} would no longer fit, even if you scan "
        "nothing yourself."
    )


def _advice(settings: Settings, cycles: Sequence[tuple[int, Outlook]]) -> str:
    """The nearest longer cycle that lasts to the reset."""
    for days, seen in cycles:
        if days > settings.cycle_days and not seen.short_tenths:
            left = seen.left_tenths - seen.total_tenths
            return (
                f"Every {days} days costs {format_quota(seen.total_tenths)} and leaves "
                f"{format_quota(left)} for scans you start yourself."
            )
    return "No longer cycle lasts either: choose fewer images or more quota."
