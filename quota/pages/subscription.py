"""The service activation page: what state it is in, and what happens if one waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min

from accounts.models import Account
from accounts.money import format_money
from quota.models import Order, Schedule, Subscription
from quota.pages.header import Pause, pause_of
from quota.pages.packs import PackView, packs_of
from quota.pages.sent import Sent, sent_about
from quota.pages.words import Clock, plural
from quota.quotes import Outlook
from quota.rules.lifecycle import DELETION, GRACE, SubscriptionState

NEAR_END = timedelta(days=7)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MORNING = 6
State = SubscriptionState


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the timeline."""

    when: str
    what: str
    look: str


@dataclass(frozen=True, slots=True)
class Works:
    """What is possible in this state, or is not."""

    thing: str
    words: str
    yes: bool


@dataclass(frozen=True, slots=True)
class Life:
    """The page. ``tone`` colours the hero; ``figure`` is the large number in it."""

    sub: str
    tag: str
    tag_icon: str
    tone: str
    headline: str
    words: str
    figure: str
    figure_words: str
    can_renew: bool
    can_buy_anew: bool
    is_over: bool
    offers_export: bool
    steps: Sequence[Step]
    works_title: str
    works: Sequence[Works]
    packs: Sequence[PackView]
    sent: Sequence[Sent]


def life(
    account: Account,
    subscription: Subscription | None,
    outlook: Outlook | None,
    now: datetime,
    *,
    can_buy: bool,
) -> Life:
    """The page of an account; amounts only for who may see them (rules 9)."""
    clock = Clock(account, now)
    if subscription is None:
        return _none(account, clock, can_buy=can_buy)
    told = _Told(account, subscription, clock, outlook if can_buy else None)
    return told.life(can_buy=can_buy)


def tag_of(
    account: Account, subscription: Subscription, clock: Clock
) -> tuple[str, str, str]:
    """The state in a word or two, with its icon and tone."""
    return _Told(account, subscription, clock, None).tag()


def _none(account: Account, clock: Clock, *, can_buy: bool) -> Life:
    last = Subscription.objects.filter(account=account).order_by("-anchor").first()
    pause = pause_of(last, clock)
    tag, icon, headline, words = _without(last, pause, clock)
    return Life(
        sub="Image scan with Professional Edition",
        tag=tag,
        tag_icon=icon,
        tone="",
        headline=headline,
        words=words,
        figure="",
        figure_words="",
        can_renew=False,
        can_buy_anew=can_buy,
        is_over=bool(last),
        offers_export=pause is not None,
        steps=[],
        works_title="",
        works=[],
        packs=[],
        sent=sent_about(account, last, clock) if last else [],
    )


def _without(
    last: Subscription | None, pause: Pause | None, clock: Clock
) -> tuple[str, str, str, str]:
    """The tag with its icon, the headline and what it means."""
    if last is None:
        return (
            "None yet",
            "circle-dashed",
            "Image scan is not bought yet",
            "It is sold by the month with Professional Edition. The first scan of an"
            " image uses 1 of the month's quota, each repeat 0.1.",
        )
    if pause:
        return (
            pause.title,
            "undo-2",
            pause.since,
            "Scanning has stopped. Results can be read and exported, and orders and"
            f" balance work as usual. {pause.words}",
        )
    return (
        "Terminated",
        "circle-slash",
        f"Image scan was terminated on {clock.date(last.ends_at + DELETION)}",
        "Scan results were deleted. Orders, balance and notices are kept. Bought again"
        " it starts anew: every image is a first scan.",
    )


def _passed(look: str) -> str:
    return "past bad" if look == "bad" else "past"


class _Told:
    """One subscription at one instant, in words."""

    def __init__(
        self,
        account: Account,
        subscription: Subscription,
        clock: Clock,
        outlook: Outlook | None,
    ) -> None:
        self.account, self.subscription, self.clock = account, subscription, clock
        self.outlook = outlook
        self.end = subscription.ends_at
        self.renew_by = self.end + GRACE
        self.gone = self.end + DELETION
        self.state = subscription.state(clock.now)
        self.renews = subscription.auto_renew
        self.is_near = self.end - clock.now <= NEAR_END

    def life(self, *, can_buy: bool) -> Life:
        tag, icon, tone = self.tag()
        headline, words = self._hero()
        figure, figure_words = self._left()
        packs = packs_of(self.account, self.subscription, self.clock)
        renewable = self.state in (State.ACTIVE, State.SUSPENDED)
        return Life(
            sub=self._sub(packs),
            tag=tag,
            tag_icon=icon,
            tone=tone,
            headline=headline,
            words=words,
            figure=figure,
            figure_words=figure_words,
            can_renew=renewable and can_buy,
            can_buy_anew=False,
            is_over=False,
            offers_export=self.state is State.ENDING,
            steps=self._steps(),
            works_title=self._works_title(),
            works=self._works(),
            packs=packs,
            sent=sent_about(self.account, self.subscription, self.clock),
        )

    def _sub(self, packs: Sequence[PackView]) -> str:
        cores = plural(self.subscription.cores, "core")
        monthly = sum(pack.monthly for pack in packs)
        scans = f", image scan with {monthly:,} scans a month" if monthly else ""
        return f"Professional Edition for {cores}{scans}"

    def tag(self) -> tuple[str, str, str]:
        if self.state is State.SUSPENDED:
            return "Suspended", "lock", "bad"
        if self.state is State.ENDING:
            return "Ending", "triangle-alert", "bad"
        if self.is_near:
            return f"Expires in {self._time_left()}", "hourglass", "warn"
        return "Active", "circle-check", "ok"

    def _hero(self) -> tuple[str, str]:
        end, renew_by = (
            self.clock.running_moment(self.end),
            self.clock.running_moment(self.renew_by),
        )
        ended = self.clock.within(self.end)
        if self.state is State.SUSPENDED:
            return (
                f"Renew by {renew_by} to keep your scan data",
                f"Professional Edition expired {ended}. Scanning has stopped. If it is"
                f" not renewed by {renew_by}, scan results are deleted 24 hours later.",
            )
        if self.state is State.ENDING:
            return (
                f"Renewal has closed. Data is deleted {self.clock.within(self.gone)}",
                f"Professional Edition expired {ended} and was not renewed in time."
                " Results can be read until then. After that it can be bought anew.",
            )
        if self.renews and self.outlook:
            return self._auto_hero(self.outlook)
        if self.is_near:
            return (
                f"Renew by {end} to keep scanning",
                "After that scanning stops. Results are kept for five more days, in"
                " which it can still be renewed.",
            )
        return f"Active until {end}", self._active_words()

    def _auto_hero(self, outlook: Outlook) -> tuple[str, str]:
        price = format_money(outlook.price, self.account.currency)
        day = self.clock.within(outlook.next_at or self.end)
        if outlook.is_covered:
            packs = "every purchase of quota as it is"
            if outlook.left_out:
                packs = "every purchase of quota but those whose refund is asked for"
            return (
                f"Renews {day} for {price}",
                f"One month, with {packs}, at the price then in force.",
            )
        balance = format_money(self.account.balance, self.account.currency)
        return (
            f"Auto-renew will fail: the balance is {balance}, it needs {price}",
            "On the last day it is tried every hour until"
            f" {self.clock.running_moment(self.end)}, then once a day for five days."
            " Nothing is charged in part.",
        )

    def _active_words(self) -> str:
        if self.renews:
            return "It renews by itself, if the balance covers it."
        return "It does not renew by itself."

    def _left(self) -> tuple[str, str]:
        if self.state is State.ACTIVE and not self.is_near:
            return "", ""
        until, words = {
            State.ACTIVE: (self.end, "left before scanning stops"),
            State.SUSPENDED: (self.renew_by, "left to renew"),
        }.get(self.state, (self.gone, "left until data is deleted"))
        days, rest = divmod(until - self.clock.now, timedelta(days=1))
        hours, minutes = rest // HOUR, rest % HOUR // MINUTE
        if days:
            return plural(days, "day"), f"{hours} h {minutes} min {words}"
        return f"{hours} h {minutes} min", words

    def _time_left(self) -> str:
        days = (self.end - self.clock.now) // timedelta(days=1)
        return plural(days, "day") if days else "less than a day"

    def _steps(self) -> Sequence[Step]:
        clock, now = self.clock, self.clock.now
        renewed = self.renews and self.outlook and self.outlook.is_covered
        points = [
            (self.subscription.anchor, clock.date, "Started", ""),
            (
                self.end - NEAR_END,
                clock.date,
                "Reminders began" if self.is_near else "Reminders begin",
                "",
            ),
            (
                self.end,
                clock.short_moment,
                self._end_words(renewed=bool(renewed)),
                "" if renewed else "bad",
            ),
            (self.renew_by, clock.short_moment, "Last moment to renew", "warn"),
            (self.gone, clock.short_moment, "Terminated, data deleted", "bad"),
        ]
        if renewed:
            points = points[:3]
        steps = [
            Step(word(at), what, _passed(look) if at <= now else look)
            for at, word, what, look in points
        ]
        passed = sum(at <= now for at, *_ in points)
        steps.insert(passed, self._today())
        return steps

    def _end_words(self, *, renewed: bool) -> str:
        if renewed:
            return "Renews by itself"
        if self.state is State.ACTIVE:
            return "Expires, scanning stops"
        return "Expired, scanning stopped"

    def _today(self) -> Step:
        if self.state is State.SUSPENDED:
            day = 1 + (self.clock.now - self.end) // timedelta(days=1)
            return Step(f"Today, day {min(day, 5)} of 5", "Can still be renewed", "now")
        if self.state is State.ENDING:
            return Step("Today", "Results can be read", "now")
        return Step("Today", "Everything works", "now")

    def _works_title(self) -> str:
        return {
            State.ACTIVE: "While active",
            State.SUSPENDED: "While suspended",
        }.get(self.state, "Until it is deleted")

    def _works(self) -> Sequence[Works]:
        active = self.state is State.ACTIVE
        on, off = " are on", " are off"
        return [
            Works("Scanning and buying quota", on if active else off, active),
            Works(
                "Scheduled scans",
                " run" if active else " are skipped and not made up",
                active,
            ),
            Works("Results", " can be read and exported", True),
            Works(
                "Renewal",
                " is possible at any time"
                if active
                else f" is possible until {self.clock.running_moment(self.renew_by)}"
                if self.state is State.SUSPENDED
                else " has closed",
                self.state is not State.ENDING,
            ),
            Works("Orders and balance", " work as usual", True),
        ]


def renewed_words(order: Order, account: Account, now: datetime) -> str:
    """What a renewal comes to, for the flash; one that ended a suspension says when
    scheduled scans go on."""
    line = order.lines.get(account=account, kind="edition")
    clock = Clock(account, now)
    words = f"Renewed to {clock.moment(line.ends_at)}."
    if order.created_at < line.starts_at:
        return words
    runs = Schedule.objects.filter(account=account, is_on=True, due_at__gt=now)
    resumes = runs.aggregate(at=Min("due_at"))["at"]
    return f"{words} {_resume_words(resumes, clock)}" if resumes else words


def _resume_words(at: datetime, clock: Clock) -> str:
    """``tonight at 02:00`` for the night to come, else the day."""
    is_soon = at - clock.now <= timedelta(days=1)
    is_night = is_soon and at.astimezone(clock.zone).hour < MORNING
    when = f"tonight at {clock.time(at)}" if is_night else clock.within(at)
    return f"Scheduled scans resume {when}."
