"""*Overview*: what is left, whether it lasts, and what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from accounts.models import Account, Member
from accounts.money import format_money
from accounts.pages.notices import NoticeRow, latest_notices
from quota.models import Image, Kind, Schedule, ScheduledRun, Subscription
from quota.models.selection import IS_OF
from quota.pages.charts import Ahead, Chart, a_day, chart
from quota.pages.foresight import Strip, demand_of, schedule_to_change, strip
from quota.pages.header import Standing, pause_of
from quota.pages.split_scans import split_scans
from quota.pages.subscription import NEAR_END, Step, tag_of
from quota.pages.tasks import TaskRow, recent_tasks
from quota.pages.unused import Unused, unused
from quota.pages.usage import usage_days
from quota.pages.words import Clock, plural
from quota.quotes import Outlook
from quota.rules.forecast import DAY, measured_from
from quota.rules.lifecycle import DELETION, GRACE
from quota.rules.units import TENTHS, format_quota

SHOWN = 5
COUNTED_TO = 1_000
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the four facts under the track."""

    label: str
    value: str
    note: str
    tone: str = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Professional Edition from today to its end; amounts only for who may see them."""

    tag: str
    tag_icon: str
    tone: str
    steps: Sequence[Step]
    renewal: str
    offers_auto_renew: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The page of an account that has Professional Edition."""

    facts: Sequence[Fact]
    strip: Strip | None
    unused: Unused | None
    chart: Chart | None
    lifecycle: Lifecycle
    tasks: Sequence[TaskRow]
    steps: "FirstSteps | None"
    is_polling: bool
    schedule_kind: str
    notices: Sequence[NoticeRow]


def overview(
    member: Member,
    subscription: Subscription,
    stands: Standing,
    outlook: Outlook | None,
    clock: Clock,
) -> Overview:
    """The page, in a number of queries that does not grow; without an outlook no amount
    is shown. Before the first scan it shows the steps to it."""
    account = member.account
    tasks = recent_tasks(account, SHOWN, clock)
    next_up = _next_schedule(account)
    short = strip(account, stands, clock)
    return Overview(
        facts=_facts(account, stands, next_up, clock),
        strip=short,
        unused=unused(account, stands, clock),
        chart=_chart(account, stands, clock),
        lifecycle=_lifecycle(account, subscription, outlook, clock),
        tasks=tasks,
        steps=(
            first_steps(account, clock, is_bought=True)
            if stands.header and stands.is_active and not tasks
            else None
        ),
        is_polling=any(task.held for task in tasks),
        schedule_kind=schedule_to_change(account) if short else "",
        notices=latest_notices(member, clock.now, 3),
    )


def _next_schedule(account: Account) -> Schedule | None:
    schedules = Schedule.objects.filter(account=account, is_on=True)
    return schedules.order_by("due_at").first()


def _facts(
    account: Account, stands: Standing, next_up: Schedule | None, clock: Clock
) -> Sequence[Fact]:
    if stands.header is None:
        return []
    days = (stands.windows[0].ends_at - clock.now) // DAY
    when = f"In {plural(days, 'day')}" if days else "In less than a day"
    return [
        Fact("Resets", stands.header.resets_at, f"{when}. Unused quota is lost."),
        _pace(stands, clock),
        _next_run(account, stands, next_up, clock),
        _never_scanned(account, stands.tariff.first_tenths),
    ]


def _pace(stands: Standing, clock: Clock) -> Fact:
    rail = stands.header.rail if stands.header else None
    pace = stands.pace
    if rail is None or pace is None:
        return Fact("At this pace", "–", "")
    if stands.forecast is None:
        return Fact("At this pace", "Too early to say", rail.words)
    if stands.forecast.spare_tenths:
        spare = stands.forecast.spare_tenths // TENTHS
        note = f"About {spare:,} to spare at {a_day(_wanted_daily(stands, clock))}"
        return Fact("At this pace", "Lasts to the reset", note, rail.tone, rail.icon)
    since = measured_from(min(w.starts_at for w in stands.windows), clock.now)
    days = max(1, (clock.now - since) // DAY)
    daily = sum(pace.spent) * (DAY // HOUR) // ((clock.now - since) // HOUR)
    note = f"{format_quota(daily)} a day over the last {days} days"
    return Fact("At this pace", rail.words, note, rail.tone, rail.icon)


def _next_run(
    account: Account, stands: Standing, schedule: Schedule | None, clock: Clock
) -> Fact:
    label = "Next scheduled scan"
    if schedule is None or schedule.due_at is None:
        return Fact(label, "None", "No schedule is on.")
    when = clock.moment(schedule.due_at)
    runs = ScheduledRun.objects.filter(account=account, schedule=schedule)
    last = runs.filter(task__isnull=False).select_related("task").order_by("-due_at")
    run = last.first()
    if run is None or run.task is None:
        return Fact(label, when, f"The first run over {schedule.kind} images")
    cost = format_quota(run.task.images * stands.tariff.repeat_tenths)
    images = plural(run.task.images, f"{schedule.kind} image")
    return Fact(label, f"{when}, about {cost}", f"{images} last time, as repeats")


def _never_scanned(account: Account, each_tenths: int) -> Fact:
    label = "Never scanned"
    counts = {kind: _unscanned(account, kind) for kind in Kind}
    found = [f"{_capped(count)} {kind}" for kind, count in counts.items() if count]
    if not found:
        return Fact(label, "None", "Every image has a result.")
    total = sum(counts.values())
    note = f"A first scan of each costs {format_quota(each_tenths)}."
    if total > 1 and max(counts.values()) <= COUNTED_TO:
        note = f"First scans of all of them cost {format_quota(total * each_tenths)}."
    noun = "image" if total == 1 else "images"
    return Fact(label, f"{', '.join(found)} {noun}", note)


def _unscanned(account: Account, kind: Kind) -> int:
    images = Image.objects.filter(
        IS_OF[kind], account=account, outcome=Image.Outcome.NOT_SCANNED
    )
    return images.order_by().values("id")[: COUNTED_TO + 1].count()


def _capped(count: int) -> str:
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"


def _chart(account: Account, stands: Standing, clock: Clock) -> Chart | None:
    if not stands.windows:
        return None
    splits = split_scans(account, stands.windows)
    days = usage_days(account, stands.windows, splits, clock)
    found = stands.forecast
    if found is None:
        return chart(days)
    daily = _wanted_daily(stands, clock)
    out = found.runs_out_at and found.runs_out_at.astimezone(clock.zone)
    return chart(
        days,
        Ahead(daily, out.date().isoformat() if out else "", out.hour if out else 0),
    )


def _wanted_daily(stands: Standing, clock: Clock) -> int:
    """The tenths that are wanted on a day from now to the reset."""
    ahead = stands.windows[0].ends_at - clock.now
    return demand_of(stands) * (DAY // HOUR) // max(1, ahead // HOUR)


def _lifecycle(
    account: Account,
    subscription: Subscription,
    outlook: Outlook | None,
    clock: Clock,
) -> Lifecycle:
    tag, icon, tone = tag_of(account, subscription, clock)
    price = format_money(outlook.price, account.currency) if outlook else ""
    return Lifecycle(
        tag=tag,
        tag_icon=icon,
        tone=tone,
        steps=list(_steps(subscription, clock)),
        renewal=f"Next renewal {price}" if price else "",
        offers_auto_renew=outlook is not None and not subscription.auto_renew,
    )


def _steps(subscription: Subscription, clock: Clock) -> Sequence[Step]:
    end, renews = subscription.ends_at, subscription.auto_renew
    left = (end - clock.now) // DAY
    today = f"Today, {plural(left, 'day')} left" if left > 0 else "Today"
    expires = "Expires. Scanning stops."
    if renews:
        expires = "Renews by itself, if the balance covers it."
    points = [
        (end - NEAR_END, clock.date, "Daily reminders start", ""),
        (end, clock.short_moment, expires, "" if renews else "warn"),
        (end + GRACE, clock.short_moment, "Last moment to renew", "bad"),
        (end + DELETION, clock.short_moment, "Data is deleted", "bad"),
    ]
    ahead = [
        Step(word(at), what, look) for at, word, what, look in points if at > clock.now
    ]
    return [Step(today, f"Auto-renew is {'on' if renews else 'off'}", "now"), *ahead]


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What leads to a first result; ``list`` is the one that has images."""

    sub: str
    images: str
    is_bought: bool
    list: str


def first_steps(account: Account, clock: Clock, *, is_bought: bool) -> FirstSteps:
    """What there is before the first purchase or scan, or after the end."""
    ended = Subscription.objects.filter(account=account).order_by("-anchor").first()
    images = Image.objects.filter(account=account).order_by()
    count = images.values("id")[: COUNTED_TO + 1].count()
    is_remote = bool(count) and not images.filter(is_local=True)[:1].exists()
    sub = "Three steps to the first result"
    if pause := pause_of(ended, clock):
        sub = f"Professional Edition was refunded. {pause.words}"
    elif ended and not is_bought:
        gone = clock.date(ended.ends_at + DELETION)
        sub = f"Image scan was terminated on {gone}. Bought again, it starts anew."
    return FirstSteps(
        sub=sub,
        images=_capped(count) if count else "",
        is_bought=is_bought,
        list=(Kind.REPOSITORY if is_remote else Kind.LOCAL).value,
    )
