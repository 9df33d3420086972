"""The list of scan tasks: filters, one page by keyset, what each row says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Scan, ScanTask
from quota.models.scans import TASKS_IN
from quota.pages import cells, cursors, task_words
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

PAGE = 50
COUNTED_TO = 1_000
SCHEDULE = "schedule"
FINISHED = Q(ended_at__isnull=False, stopped_at=None, undone_at=None)
STATES = {**TASKS_IN, "finished": FINISHED}


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """The filters of the list; an empty string means "any"."""

    state: str = ""
    kind: str = ""
    who: str = ""
    days: str = ""

    def tasks(self, account: Account, now: datetime) -> QuerySet[ScanTask]:
        """The account's tasks that pass."""
        tasks = ScanTask.objects.filter(STATES.get(self.state, Q()), account=account)
        if self.kind:
            tasks = tasks.filter(kind=self.kind)
        if self.who == SCHEDULE:
            tasks = tasks.filter(requested_by=None)
        elif self.who:
            tasks = tasks.filter(requested_by=int(self.who))
        if self.days:
            tasks = tasks.filter(requested_at__gte=self._since(account, now))
        return tasks

    def _since(self, account: Account, now: datetime) -> datetime:
        """The beginning of a day of the account: 1 is today's."""
        today = now.astimezone(account.zone_info).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        return today - timedelta(days=int(self.days) - 1)

    def query(self) -> dict[str, str]:
        """The filter as query parameters, without what is "any"."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of the list."""

    url: str
    title: str
    number: str
    subtitle: str
    state: SafeString
    images: str
    found: str
    found_more: str
    found_url: str
    is_risky: bool
    used: str
    held: str


@dataclass(frozen=True, slots=True)
class TasksPage:
    """One page of the list, with the ways on and back to the start."""

    rows: Sequence[TaskRow]
    count: str
    next_query: str
    first_query: str
    filter: TaskFilter
    is_filtered: bool
    is_polling: bool


def tasks_page(
    account: Account, chosen: TaskFilter, cursor: str, now: datetime
) -> TasksPage:
    """One page of tasks, latest first, in one query and a capped count.

    Refuses a cursor that was not given out for this account (UnknownCursor).
    """
    tasks = _after(chosen.tasks(account, now), account, cursor)
    tasks = _with_running(tasks, account)
    found = list(tasks.order_by("-requested_at", "-pk")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    clock, query = Clock(account, now), chosen.query()
    after = _cursor(account, found[-1]) if more else ""
    return TasksPage(
        rows=[_row(task, account, clock) for task in found],
        count=_count(chosen.tasks(account, now), found, more, cursor),
        next_query=urlencode({**query, "after": after}) if more else "",
        first_query=urlencode(query) if cursor else "",
        filter=chosen,
        is_filtered=bool(query),
        is_polling=any(task.ended_at is None for task in found),
    )


def recent_tasks(account: Account, count: int, clock: Clock) -> Sequence[TaskRow]:
    """The latest tasks, as the list shows them, in one query."""
    tasks = _with_running(ScanTask.objects.filter(account=account), account)
    latest = tasks.order_by("-requested_at", "-pk")[:count]
    return [_row(task, account, clock) for task in latest]


def _with_running(tasks: QuerySet[ScanTask], account: Account) -> QuerySet[ScanTask]:
    running = Scan.objects.filter(
        account=account, task=OuterRef("pk"), place=Scan.Place.RUNNING
    )
    return tasks.select_related("requested_by").annotate(is_running=Exists(running))


def _salt(account: Account) -> str:
    return f"tasks.{account.pk}"


def _cursor(account: Account, last: ScanTask) -> str:
    return cursors.give([last.requested_at.isoformat(), last.pk], _salt(account))


def _after(
    tasks: QuerySet[ScanTask], account: Account, cursor: str
) -> QuerySet[ScanTask]:
    if not cursor:
        return tasks
    at, last = cursors.read(cursor, _salt(account))
    place = (datetime.fromisoformat(str(at)), last)
    return tasks.filter(TupleLessThan(Tuple(F("requested_at"), F("id")), place))


def _count(
    tasks: QuerySet[ScanTask], found: Sequence[ScanTask], more: bool, cursor: str
) -> str:
    if not more and not cursor:
        return plural(len(found), "task")
    count = tasks.order_by().values("id")[: COUNTED_TO + 1].count()
    return f"{COUNTED_TO:,}+ tasks" if count > COUNTED_TO else plural(count, "task")


def _row(task: ScanTask, account: Account, clock: Clock) -> TaskRow:
    live = task.ended_at is None
    running: bool = task.is_running  # type: ignore[attr-defined]  # annotated above
    state = task_words.drawn(task, running=running)
    word = state.word
    if word == "Scanning":
        word = f"Scanning, {task_words.ended_percent(task)}%"
    found, found_more = task_words.found(task)
    by = str(task.requested_by) if task.requested_by else "Schedule"
    done = task.settled + task.released
    held = task.cost_tenths - task.used_tenths - task.returned_tenths
    url = reverse("quota:task", args=[account.slug, task.pk])
    return TaskRow(
        url=url,
        title=task.title,
        number=f"Task {task.pk}",
        subtitle=f"{by}, {clock.running_moment(task.requested_at)}",
        state=cells.state(word, state.icon, state.tone),
        images=f"{done:,} of {task.images:,}" if live else f"{task.images:,}",
        found=found,
        found_more=found_more,
        found_url=f"{url}?only=risk" if task.at_risk else "",
        is_risky=bool(task.critical or task.trojans),
        used=format_quota(task.used_tenths),
        held=f"{format_quota(held)} held" if live else "",
    )
