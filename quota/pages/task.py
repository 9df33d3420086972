"""One scan task: its progress, what it found and cost, and its images by keyset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.ledger import ScanQuote
from quota.models import Scan, ScanTask
from quota.pages import cells, cursors, task_words
from quota.pages.rail import percent
from quota.pages.words import Clock, plural
from quota.rules import progress
from quota.rules.units import format_quota

PAGE = 50
PLACES = {
    Scan.Place.FAILED: ("Failed", "circle-x", "bad"),
    Scan.Place.RUNNING: ("Scanning", "loader-circle", "run"),
    Scan.Place.SCANNED: ("Scanned", "circle-check", "ok"),
    Scan.Place.WAITING: ("Waiting", "clock", ""),
    Scan.Place.NOT_STARTED: ("Not started", "square", ""),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for. ``seen`` is the quarter that was
    announced last."""

    only: str = ""
    after: str = ""
    is_paused: bool = False
    asks_stop: bool = False
    seen: int = 0
    is_poll: bool = False

    def query(self, **changes: str) -> str:
        """The address's query with some of it changed."""
        values = {
            "only": self.only,
            "after": self.after,
            "pause": "1" if self.is_paused else "",
            "stop": "1" if self.asks_stop else "",
        }
        kept = {name: each for name, each in (values | changes).items() if each}
        return f"?{urlencode(kept)}"


class Offers(NamedTuple):
    """What scanning a task's images anew would cost; None where it cannot be done."""

    retry: ScanQuote | None = None
    again: ScanQuote | None = None


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


class Choice(NamedTuple):
    """One filter of the images."""

    name: str
    label: str
    icon: str
    query: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """What stopping now does; ``returned`` is empty when nothing waits."""

    query: str
    keep_query: str
    words: str
    returned: str


@dataclass(frozen=True, slots=True)
class Act:
    """A button that opens *Scan now* on images of this task."""

    label: str
    cost: str
    url: str


Row = Mapping[str, object]


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
    running = _running(task)
    rows, more = _rows(task, account, asked, clock)
    live = task.ended_at is None
    drawn = task_words.drawn(task, running=running.images > 0)
    quarter = task_words.ended_percent(task) // 25
    retried = task.retries.filter(account=account, undone_at=None).order_by("pk").last()
    return TaskPage(
        id=task.pk,
        kind=task.kind,
        title=task.title,
        document_title=_document_title(task, drawn.word),
        url=reverse("quota:task", args=[account.slug, task.pk]),
        subtitle=_subtitle(task, clock),
        retry_of=f"Retry of task {task.retry_of_id}" if task.retry_of_id else "",
        retry_of_url=_task_url(account, task.retry_of_id),
        retried_url=_task_url(account, retried.pk if retried else None),
        state=cells.state(*drawn),
        time=_time(task, clock),
        bar=_bar(task, running),
        facts=_facts(task),
        notes=_notes(task, clock),
        stop=_stop(task, running, asked),
        can_undo=live and running.images == 0 and task.begun_at is None,
        retry=_act(task, account, "retry", offers.retry),
        again=_act(task, account, "again", offers.again),
        choices=_choices(task, asked),
        rows=[_row(scan, task, account, clock) for scan in rows],
        shown=_shown(task, asked, rows, more),
        next_query=asked.query(after=_cursor(task, rows[-1])) if more else "",
        first_query=asked.query(after="") if asked.after else "",
        is_live=live,
        asked=asked,
        poll_query=f"{asked.query()}&seen={quarter}".replace("?&", "?"),
        pause_query=asked.query(pause="" if asked.is_paused else "1"),
        refresh_query=asked.query(),
        announcement=_announcement(task, quarter, asked, drawn.word),
    )


def _running(task: ScanTask) -> Running:
    if task.ended_at:
        return Running(0, 0)
    scans = Scan.objects.filter(
        account=task.account_id, task=task, place=Scan.Place.RUNNING
    )
    figures = scans.aggregate(count=Count("pk"), tenths=Sum("cost_tenths", default=0))
    return Running(figures["count"], figures["tenths"])


def _task_url(account: Account, number: int | None) -> str:
    return reverse("quota:task", args=[account.slug, number]) if number else ""


def _document_title(task: ScanTask, word: str) -> str:
    if task.ended_at is None:
        return f"{task_words.ended_percent(task)}% Task {task.pk}"
    return f"{word}, task {task.pk}"


def _subtitle(task: ScanTask, clock: Clock) -> str:
    by = task.requested_by or "its schedule"
    when = clock.running_moment(task.requested_at)
    return (
        f"Task {task.pk}, started by {by} {when}. Looking for "
        f"{task_words.asked_for(task)}."
    )


def _time(task: ScanTask, clock: Clock) -> str:
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


def _bar(task: ScanTask, running: Running) -> Bar:
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


def _facts(task: ScanTask) -> Sequence[Fact]:
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


def _notes(task: ScanTask, clock: Clock) -> Sequence[str]:
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


def _stop(task: ScanTask, running: Running, asked: Asked) -> Stop:
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


def _choices(task: ScanTask, asked: Asked) -> Sequence[Choice]:
    counted = (
        ("", "All", "", task.images),
        ("failed", "Failed", "circle-x", task.failed),
        ("risk", "With risk", "", task.at_risk),
    )
    return [
        Choice(
            name or "all",
            f"{label} {count:,}",
            icon,
            asked.query(only=name, after=""),
            asked.only == name,
        )
        for name, label, icon, count in counted
    ]


def _announcement(task: ScanTask, quarter: int, asked: Asked, word: str) -> str:
    """What a screen reader is told: each quarter once, and the end."""
    if task.ended_at:
        return f"{word}. {task.settled:,} of {task.images:,} images scanned."
    if quarter <= asked.seen:
        return ""
    return f"{quarter * 25}% of task {task.pk} done."


def _salt(task: ScanTask) -> str:
    return f"task.{task.account_id}.{task.pk}"


def _cursor(task: ScanTask, last: Scan) -> str:
    return cursors.give([last.place, last.pk], _salt(task))


def _rows(
    task: ScanTask, account: Account, asked: Asked, clock: Clock
) -> tuple[Sequence[Scan], bool]:
    """Fifty scans, and whether there are more: failed first, then running ones."""
    scans: QuerySet[Scan] = Scan.objects.filter(account=account, task=task)
    if asked.only == "failed":
        scans = scans.filter(place=Scan.Place.FAILED)
    if asked.only == "risk":
        scans = scans.filter(at_risk=True)
    if asked.after:
        place = tuple(cursors.read(asked.after, _salt(task)))
        scans = scans.filter(TupleGreaterThan(Tuple(F("place"), F("id")), place))
    found = list(scans.select_related("image").order_by("place", "pk")[: PAGE + 1])
    return found[:PAGE], len(found) > PAGE


def _shown(task: ScanTask, asked: Asked, rows: Sequence[Scan], more: bool) -> str:
    if not more and not asked.after:
        return plural(len(rows), "image")
    order = "" if asked.only else ", failed first"
    return f"{plural(len(rows), 'image')} of {task.images:,}{order}"


def _row(scan: Scan, task: ScanTask, account: Account, clock: Clock) -> Row:
    name, tag = scan.image.shown_as
    word, icon, tone = PLACES[scan.place]
    detail, found = scan.message, scan.found or {}
    missing = _not_assessed(scan, task)
    if missing:
        word, tone = "Scanned in part", "warn"
        detail = f"{missing[0].upper()}{missing[1:]} not assessed"
    return {
        "id": scan.pk,
        "url": reverse(
            "quota:image", args=[account.slug, task.kind, scan.image_digest]
        ),
        "name": name,
        "tag": tag,
        "state": cells.state(word, icon, tone),
        "detail": detail,
        "severity": (
            cells.severity(found, scanned=True)
            if scan.found is not None
            else cells.NONE
        ),
        "trojans": cells.figure(found.get("trojans"), bad=True),
        "sensitive": cells.figure(found.get("sensitive")),
        "has_result": scan.found is not None,
        "finished": clock.time(scan.ended_at) if scan.ended_at else "–",
        "quota": _quota(scan),
    }


def _not_assessed(scan: Scan, task: ScanTask) -> str:
    """The categories asked for of which a result says nothing."""
    if scan.state != "settled":
        return ""
    assessed = {each["category"] for each in scan.assessments or () if each["assessed"]}
    missing = [
        task_words.CATEGORY_WORDS[name]
        for name in task.categories
        if name not in assessed
    ]
    return task_words.listed(missing) if missing else ""


def _quota(scan: Scan) -> str:
    cost = format_quota(scan.cost_tenths)
    if scan.state == "settled":
        return cost
    return f"Returned {cost}" if scan.state == "released" else f"{cost} held"
