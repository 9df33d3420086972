"""One scan task: its progress, what it found and cost, and its images by keyset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.candidates import ScanQuote
from quota.models import ScanTask
from quota.pages import cells, task_images, task_progress, task_words
from quota.pages.task_asked import Asked
from quota.pages.task_images import Choice, Row
from quota.pages.task_progress import Bar, Fact, Stop
from quota.pages.words import Clock
from quota.rules.units import format_quota


class Offers(NamedTuple):
    """What scanning a task's images anew would cost; None where it cannot be done."""

    retry: ScanQuote | None = None
    again: ScanQuote | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A button that opens *Scan now* on images of this task."""

    label: str
    cost: str
    url: str


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One task."""

    id: int
    kind: str
    title: str
    document_title: str
    url: str
    subtitle: str
    retry_of: str
    retry_of_url: str
    retried_url: str
    state: SafeString
    time: str
    bar: Bar
    facts: Sequence[Fact]
    notes: Sequence[str]
    stop: Stop
    can_undo: bool
    retry: Act | None
    again: Act | None
    choices: Sequence[Choice]
    rows: Sequence[Row]
    shown: str
    next_query: str
    first_query: str
    is_live: bool
    asked: Asked
    poll_query: str
    pause_query: str
    refresh_query: str
    announcement: str


def task_page(
    task: ScanTask, account: Account, asked: Asked, offers: Offers, now: datetime
) -> TaskPage:
    """One task in four queries, however many images it has.

    Refuses a cursor that was not given out for this task (UnknownCursor).
    """
    clock = Clock(account, now)
    running = task_progress.running_now(task)
    rows, more = task_images.rows(task, account, asked, clock)
    live = task.ended_at is None
    drawn = task_words.drawn(task, running=running.images > 0)
    quarter = task_words.ended_percent(task) // 25
    retried = task.retries.filter(account=account, undone_at=None).order_by("pk").last()
    return TaskPage(
        id=task.pk,
        kind=task.kind,
        title=task.title,
        document_title=task_progress.document_title(task, drawn.word),
        url=reverse("quota:task", args=[account.slug, task.pk]),
        subtitle=task_progress.subtitle(task, clock),
        retry_of=f"Retry of task {task.retry_of_id}" if task.retry_of_id else "",
        retry_of_url=_task_url(account, task.retry_of_id),
        retried_url=_task_url(account, retried.pk if retried else None),
        state=cells.state(*drawn),
        time=task_progress.time(task, clock),
        bar=task_progress.bar(task, running),
        facts=task_progress.facts(task),
        notes=task_progress.notes(task, clock),
        stop=task_progress.stop(task, running, asked),
        can_undo=live and running.images == 0 and task.begun_at is None,
        retry=_act(task, account, "retry", offers.retry),
        again=_act(task, account, "again", offers.again),
        choices=task_images.choices(task, asked),
        rows=[task_images.row(scan, task, account, clock) for scan in rows],
        shown=task_images.shown(task, asked, rows, more),
        next_query=asked.query(after=task_images.cursor(task, rows[-1]))
        if more
        else "",
        first_query=asked.query(after="") if asked.after else "",
        is_live=live,
        asked=asked,
        poll_query=f"{asked.query()}&seen={quarter}".replace("?&", "?"),
        pause_query=asked.query(pause="" if asked.is_paused else "1"),
        refresh_query=asked.query(),
        announcement=task_progress.announcement(task, quarter, asked, drawn.word),
    )


def _task_url(account: Account, number: int | None) -> str:
    return reverse("quota:task", args=[account.slug, number]) if number else ""


def _act(
    task: ScanTask, account: Account, name: str, quoted: ScanQuote | None
) -> Act | None:
    """A button that opens *Scan now* as the task was: with its risk categories."""
    if quoted is None or not quoted.all.images:
        return None
    labels = {
        "retry": f"Retry {quoted.all.images:,} failed",
        "again": "Scan these again",
    }
    query = urlencode({name: task.pk, "categories": task.categories}, doseq=True)
    url = reverse("quota:scan-now", args=[account.slug, task.kind])
    return Act(labels[name], format_quota(quoted.all.cost_tenths), f"{url}?{query}")
