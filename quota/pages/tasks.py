"""Scan tasks: the list, and one task with its progress and its images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum
from django.urls import reverse

from accounts.models import Account
from quota.models import Kind, Scan, ScanTask
from quota.pages import cells
from quota.pages.header import percent
from quota.pages.words import Clock, plural
from quota.rules.lifecycle import TaskState, task_state
from quota.rules.units import format_quota

SHOWN = 50
STATES = {
    TaskState.WAITING: ("Waiting", "clock", ""),
    TaskState.SCANNING: ("Scanning", "loader-circle", "run"),
    TaskState.FINISHED: ("Finished", "circle-check", "ok"),
    TaskState.STOPPED: ("Stopped", "square", ""),
}
SCAN_WORDS = {
    "queued": ("Waiting", "clock", ""),
    "running": ("Scanning", "loader-circle", "run"),
    "settled": ("Scanned", "circle-check", "ok"),
    "released": ("Failed", "circle-x", "bad"),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is, counted from its scans."""

    state: TaskState
    word: str
    icon: str
    tone: str
    total: int
    done: int
    scanned: int
    failed: int
    stopped: int
    running: int
    waiting: int
    scanned_width: str
    failed_from: str
    failed_width: str
    running_from: str
    running_width: str
    used: str
    used_words: str
    held: str
    returned: str
    to_return: str
    retry_ids: Sequence[int]
    retry_query: str

    @property
    def is_live(self) -> bool:
        """Whether anything can still change."""
        return self.state in {TaskState.WAITING, TaskState.SCANNING}

    @property
    def text(self) -> str:
        """The bar in words."""
        return f"{self.done:,} of {self.total:,} images"


Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One task."""

    id: int
    kind: Kind
    title: str
    url: str
    subtitle: str
    categories: str
    stopped: str
    retry_of_url: str
    left_out: str
    progress: Progress
    rows: Sequence[Row]
    more: str
    only: str


def progress(task: ScanTask) -> Progress:
    """Count the task's scans, in one query over one index."""
    scans = Scan.objects.filter(account=task.account_id, task=task)
    failed = Q(state="released") & ~Q(outcome__in=["stopped", "expired"])
    c = scans.aggregate(
        queued=Count("pk", filter=Q(state="queued")),
        running=Count("pk", filter=Q(state="running")),
        settled=Count("pk", filter=Q(state="settled")),
        released=Count("pk", filter=Q(state="released")),
        failed=Count("pk", filter=failed),
        firsts=Count("pk", filter=Q(state="settled", reason="first")),
        used=Sum("cost_tenths", filter=Q(state="settled"), default=0),
        held=Sum("cost_tenths", filter=Q(state__in=["queued", "running"]), default=0),
        waiting=Sum("cost_tenths", filter=Q(state="queued"), default=0),
        returned=Sum("cost_tenths", filter=Q(state="released"), default=0),
    )
    ended = c["settled"] + c["released"]
    state = task_state(
        queued=c["queued"],
        running=c["running"],
        settled=c["settled"],
        released=c["released"],
        stopped=task.stopped_at is not None,
    )
    word, icon, tone = STATES[state]
    if state is TaskState.FINISHED and c["failed"]:
        word, icon, tone = f"Finished, {c['failed']:,} failed", "triangle-alert", "warn"
    total = task.images
    retry = _to_retry(task) if c["failed"] and not c["queued"] + c["running"] else []
    return Progress(
        state=state,
        word=word,
        icon=icon,
        tone=tone,
        total=total,
        done=ended,
        scanned=c["settled"],
        failed=c["failed"],
        stopped=c["released"] - c["failed"],
        running=c["running"],
        waiting=c["queued"],
        scanned_width=percent(c["settled"], total),
        failed_from=percent(c["settled"], total),
        failed_width=percent(c["failed"], total),
        running_from=percent(c["settled"] + c["failed"], total),
        running_width=percent(c["running"], total),
        used=format_quota(c["used"]),
        used_words=f"{plural(c['firsts'], 'first scan')}, "
        f"{c['settled'] - c['firsts']:,} repeat",
        held=format_quota(c["held"]),
        returned=format_quota(c["returned"]),
        to_return=format_quota(c["waiting"]) if c["waiting"] else "",
        retry_ids=retry,
        retry_query="&".join(f"image={pk}" for pk in retry),
    )


def _to_retry(task: ScanTask) -> list[int]:
    failed = Scan.objects.filter(account=task.account_id, task=task, state="released")
    failed = failed.exclude(outcome__in=["stopped", "expired"])
    return list(failed.order_by("pk").values_list("image", flat=True)[:500])


def task_page(task: ScanTask, account: Account, only: str, now: datetime) -> TaskPage:
    """One task: progress and up to fifty images, failed and running ones first."""
    clock = Clock(account, now)
    scans = Scan.objects.filter(account=account, task=task).select_related("image")
    if only == "failed":
        scans = scans.filter(state="released")
    found = list(scans.order_by("state", "pk")[: SHOWN + 1])
    by = str(task.requested_by) if task.requested_by else "the system"
    begun = clock.moment(task.requested_at)
    retried = task.retry_of_id
    kind = task.kind
    return TaskPage(
        id=task.pk,
        kind=kind,
        title=task.title,
        url=reverse("quota:task", args=[account.slug, task.pk]),
        subtitle=f"Task {task.pk}, started by {by}, {begun}",
        categories=", ".join(_category(name) for name in task.categories),
        stopped=_stopped(task, clock),
        retry_of_url=(
            reverse("quota:task", args=[account.slug, retried]) if retried else ""
        ),
        left_out=(
            f"{plural(task.left_out, 'image')} already being scanned and left out."
            if task.left_out
            else ""
        ),
        progress=progress(task),
        rows=[_row(scan, account, kind, clock) for scan in found[:SHOWN]],
        more=f"The first {SHOWN} are shown." if len(found) > SHOWN else "",
        only=only,
    )


def _category(name: str) -> str:
    return name.replace("_", " ")


def _stopped(task: ScanTask, clock: Clock) -> str:
    if not task.stopped_at:
        return ""
    return f"Stopped by {task.stopped_by}, {clock.moment(task.stopped_at)}."


def _row(scan: Scan, account: Account, kind: Kind, clock: Clock) -> Row:
    drawn = SCAN_WORDS[scan.state]
    if scan.outcome in {"stopped", "expired"}:
        drawn = (scan.get_outcome_display(), "square", "")
    found = scan.found or {}
    name, tag = scan.image.shown_as
    return {
        "url": reverse("quota:image", args=[account.slug, kind, scan.image_digest]),
        "name": name,
        "tag": tag,
        "state": cells.state(*drawn),
        "detail": scan.message,
        "severity": (cells.severity(found, scanned=True) if scan.found else cells.NONE),
        "trojans": cells.figure(found.get("trojans"), bad=True),
        "sensitive": cells.figure(found.get("sensitive")),
        "finished": clock.time(scan.ended_at) if scan.ended_at else "–",
        "quota": _quota(scan),
    }


def _quota(scan: Scan) -> str:
    cost = format_quota(scan.cost_tenths)
    if scan.state == "settled":
        return cost
    return f"Returned {cost}" if scan.state == "released" else f"{cost} held"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of the list."""

    url: str
    title: str
    subtitle: str
    progress: Progress


def tasks_page(account: Account, now: datetime) -> Sequence[TaskRow]:
    """The latest tasks."""
    clock = Clock(account, now)
    tasks = ScanTask.objects.filter(account=account).select_related("requested_by")
    return [
        TaskRow(
            url=reverse("quota:task", args=[account.slug, task.pk]),
            title=task.title,
            subtitle=f"Task {task.pk}, {clock.moment(task.requested_at)}, "
            f"{task.requested_by or 'the system'}",
            progress=progress(task),
        )
        for task in tasks.order_by("-pk")[:20]
    ]
