"""How far a task is: its bar, its figures, and what has to be said of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Count, Sum

from quota.models import Scan, ScanTask
from quota.pages import task_words
from quota.pages.rail import percent
from quota.pages.task_asked import Asked
from quota.pages.words import Clock, plural
from quota.rules import progress
from quota.rules.units import format_quota


class Running(NamedTuple):
    """The scans that workers hold now."""

    images: int
    tenths: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The progress bar and its legend. Widths are percents."""

    done: int
    total: int
    text: str
    scanned_width: str
    failed_from: str
    failed_width: str
    running_from: str
    running_width: str
    legend: Sequence[tuple[str, str]]


class Fact(NamedTuple):
    """One figure under the bar."""

    label: str
    value: str
    more: str


@dataclass(frozen=True, slots=True)
class Stop:
    """What stopping now does; ``returned`` is empty when nothing waits."""

    query: str
    keep_query: str
    words: str
    returned: str


def running_now(task: ScanTask) -> Running:
    """What workers hold of it, in one query."""
    if task.ended_at:
        return Running(0, 0)
    scans = Scan.objects.filter(
        account=task.account_id, task=task, place=Scan.Place.RUNNING
    )
    figures = scans.aggregate(count=Count("pk"), tenths=Sum("cost_tenths", default=0))
    return Running(figures["count"], figures["tenths"])


def document_title(task: ScanTask, word: str) -> str:
    """What the browser's tab says, so that it tells from afar how far it is."""
    if task.ended_at is None:
        return f"{task_words.ended_percent(task)}% Task {task.pk}"
    return f"{word}, task {task.pk}"


def subtitle(task: ScanTask, clock: Clock) -> str:
    """By whom it was started, when, and what it looks for."""
    by = task.requested_by or "its schedule"
    when = clock.running_moment(task.requested_at)
    return (
        f"Task {task.pk}, started by {by} {when}. Looking for "
        f"{task_words.asked_for(task)}."
    )


def time(task: ScanTask, clock: Clock) -> str:
    """How long it still takes, or took."""
    if task.begun_at is None:
        return ""
    if task.ended_at:
        return f"Finished in {progress.words(task.ended_at - task.begun_at)}"
    ended = task.settled + task.released
    left = progress.time_left(task.begun_at, clock.now, ended, task.images)
    if left is None:
        return ""
    return f"About {progress.words(left)} left".replace("About less", "Less")


def bar(task: ScanTask, running: Running) -> Bar:
    """The bar; what cannot happen any more is left out of its legend."""
    total, done = task.images, task.settled + task.released
    waiting = task.waiting_or_running - running.images
    not_started = task.released - task.failed
    legend = [
        ("g-used", f"{task.settled:,} scanned"),
        ("g-bad", f"{task.failed:,} failed"),
        ("g-repeat", f"{running.images:,} scanning"),
        ("g-track", f"{waiting:,} waiting"),
        ("g-held", f"{not_started:,} not started"),
    ]
    always = 2 if task.ended_at else 4
    return Bar(
        done=done,
        total=total,
        text=f"{done:,} of {total:,} images",
        scanned_width=percent(task.settled, total),
        failed_from=percent(task.settled, total),
        failed_width=percent(task.failed, total),
        running_from=percent(task.settled + task.failed, total),
        running_width=percent(running.images, total),
        legend=[*legend[:always], *(legend[4:] if not_started else ())],
    )


def facts(task: ScanTask) -> Sequence[Fact]:
    """Where its quota is, and what was found."""
    held = task.cost_tenths - task.used_tenths - task.returned_tenths
    found, found_more = task_words.found(task)
    repeats = task.settled - task.first_scans
    facts = [
        Fact(
            "Quota used",
            format_quota(task.used_tenths),
            f"{plural(task.first_scans, 'first scan')}, {repeats:,} repeat",
        ),
        Fact(
            "Quota held",
            format_quota(held),
            f"For {plural(task.waiting_or_running, 'image')} still to finish",
        ),
        Fact(
            "Quota returned",
            format_quota(task.returned_tenths),
            f"From {plural(task.released, 'image')} without a result",
        ),
        Fact("Found" if task.ended_at else "Found so far", found, found_more),
    ]
    return [fact for fact in facts if held or fact.label != "Quota held"]


def notes(task: ScanTask, clock: Clock) -> Sequence[str]:
    """What has to be said of the task as a whole."""
    notes = []
    if task.undone_at:
        when = clock.running_moment(task.undone_at)
        notes.append(
            f"Undone by {task.stopped_by} {when}, before the first image started. "
            "All of its quota was returned."
        )
    if task.stopped_at:
        notes.append(
            f"Stopped by {task.stopped_by} {clock.running_moment(task.stopped_at)}. "
            f"{task.settled + task.failed:,} scanned or failed, "
            f"{task.released - task.failed:,} not started."
        )
    if task.failed:
        notes.append(
            f"{plural(task.failed, 'image')} failed and cost nothing. What was found "
            "in earlier scans stays shown."
        )
    if task.left_out:
        verb = "was" if task.left_out == 1 else "were"
        notes.append(
            f"{plural(task.left_out, 'image')} {verb} already being scanned and left "
            "out."
        )
    return notes


def stop(task: ScanTask, running: Running, asked: Asked) -> Stop:
    """What stopping it would do now."""
    waiting = task.waiting_or_running - running.images
    held = task.cost_tenths - task.used_tenths - task.returned_tenths - running.tenths
    returned = format_quota(held) if waiting > 0 else ""
    finishing = (
        f"{plural(running.images, 'image')} being scanned will finish. "
        if running.images
        else ""
    )
    return Stop(
        query=asked.query(stop="1"),
        keep_query=asked.query(stop=""),
        words=f"Stop now? {finishing}{waiting:,} will not start and "
        f"{'gives' if waiting == 1 else 'give'} back {returned}.",
        returned=returned,
    )


def announcement(task: ScanTask, quarter: int, asked: Asked, word: str) -> str:
    """What a screen reader is told: each quarter once, and the end."""
    if task.ended_at:
        return f"{word}. {task.settled:,} of {task.images:,} images scanned."
    if quarter <= asked.seen:
        return ""
    return f"{quarter * 25}% of task {task.pk} done."
