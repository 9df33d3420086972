"""What follows from the forecast: how much to buy, or how to do without."""

from dataclasses import dataclass
from typing import NamedTuple

from accounts.models import Account
from quota.models import Kind, QuotaWindow, Schedule
from quota.pages.header import Standing
from quota.pages.pace import demand, foreseen
from quota.pages.words import Clock
from quota.rules.advice import Stock, smallest_purchase
from quota.rules.calendar import windows
from quota.rules.forecast import Forecast, purchase_to_cover
from quota.rules.scheduling import CYCLES
from quota.rules.units import TENTHS

CYCLE_WORDS = {1: "daily", 7: "weekly", 15: "every 15 days", 30: "every 30 days"}


@dataclass(frozen=True, slots=True)
class Strip:
    """The strip of advice, which is there only when quota runs short."""

    short: int
    lead: str
    words: str
    quantity: int
    amount: str
    offers_schedule: bool


def strip(account: Account, stands: Standing, clock: Clock) -> Strip | None:
    """The smallest purchase that covers the month and the term, what a larger one would
    waste, and the slower schedule with which none is needed."""
    found = stands.forecast
    if found is None or not found.short_tenths or not stands.is_active:
        return None
    step = stands.tariff.step
    month = purchase_to_cover(found.short_tenths, step)
    quantity = max(month, for_the_term(account, stands, clock))
    spare = quantity - _up(found.short_tenths)
    slower = _slower(stands, clock)
    covers = f"{quantity:,} more covers it"
    if quantity > month:
        covers = (
            f"{month:,} more covers it, {quantity:,} every month {_to(stands, clock)}"
        )
    words = f"{covers}; {quantity + step:,} would leave {spare + step:,} unused."
    if slower:
        words += f" {slower}"
    short = _up(found.short_tenths)
    return Strip(
        short=short,
        lead=f"About {short:,} short this month.",
        words=words,
        quantity=quantity,
        amount=f"{quantity:,}",
        offers_schedule=bool(slower),
    )


def demand_of(stands: Standing) -> int:
    """The tenths that are wanted from now to the reset."""
    found, header = stands.forecast, stands.header
    if found is None or header is None:
        return 0
    return header.left_tenths + found.short_tenths - found.spare_tenths


def for_the_term(account: Account, stands: Standing, clock: Clock) -> int:
    """The smallest purchase with which no month until the end of Professional Edition
    runs short, if things go on as in the last days. One query."""
    if stands.pace is None or stands.forecast is None or stands.subscription is None:
        return 0
    end = stands.subscription.ends_at
    months = QuotaWindow.objects.filter(
        account=account, ends_at__gt=clock.now, shut_at=None
    ).values_list("starts_at", "ends_at", "free_tenths")
    return smallest_purchase(
        [Stock(*month) for month in months],
        windows(clock.now, end, clock.zone),
        demand(stands.pace, stands.windows, stands.tariff, clock, end),
        step=stands.tariff.step,
        most=stands.tariff.max_quantity,
    )


class Verdict(NamedTuple):
    """What a purchase would do: in a word, and why."""

    lead: str
    words: str
    tone: str = "okc"
    icon: str = "circle-check"


def purchase_words(
    account: Account, stands: Standing, quantity: int, clock: Clock
) -> Verdict | None:
    """What a purchase of so many scans a month would do for this month and the term."""
    header, found = stands.header, stands.forecast
    if not quantity:
        return None
    if header is None or found is None:
        firsts = quantity * TENTHS // stands.tariff.first_tenths
        repeats = quantity * TENTHS // stands.tariff.repeat_tenths
        words = f"{quantity:,} covers about {firsts:,} first scans or {repeats:,}"
        return Verdict("No history yet.", f"{words} repeats.", "muted", "info")
    term = for_the_term(account, stands, clock)
    if not found.short_tenths:
        spare = found.spare_tenths // TENTHS
        lead = "You do not need more this month."
        if term:
            to = _to(stands, clock)
            return Verdict(lead, f"{term:,} more covers every month {to}.")
        return Verdict(lead, f"At this pace {spare:,} is left over.")
    step = stands.tariff.step
    covers = max(purchase_to_cover(found.short_tenths, step), term)
    after = _after(stands, quantity, clock)
    if after and after.runs_out_at:
        day = clock.day(after.runs_out_at)
        words = f"You would still run out about {day}. {covers:,} covers it."
        return Verdict(f"{quantity:,} is not enough.", words, "warnc", "triangle-alert")
    spare = quantity - _up(found.short_tenths)
    if quantity < covers:
        words = f"{covers:,} covers every month {_to(stands, clock)}."
        return Verdict(f"{quantity:,} is enough for this month.", words)
    if quantity > covers:
        words = f"{quantity:,} would leave {spare:,} unused this month."
        return Verdict(f"{covers:,} is enough.", words)
    heading = header.total_tenths - header.left_tenths + demand_of(stands)
    return Verdict(
        f"{quantity:,} is enough.",
        f"This month is heading for about {_up(heading):,}, which leaves about"
        f" {spare:,} spare. {quantity + step:,} would leave {spare + step:,} unused.",
    )


def _to(stands: Standing, clock: Clock) -> str:
    """``to 15 Mar 2027``: the end of Professional Edition."""
    end = stands.subscription.ends_at if stands.subscription else clock.now
    return f"to {clock.date(end)}"


def schedule_to_change(account: Account) -> str:
    """The list of images whose schedule runs most often."""
    schedules = Schedule.objects.filter(account=account, is_on=True)
    kinds = schedules.order_by("cycle_days", "kind").values_list("kind", flat=True)
    return kinds.first() or Kind.LOCAL.value


def slower_words(stands: Standing, clock: Clock) -> str:
    """How to buy nothing, where quota runs short and a slower schedule would do."""
    found = stands.forecast
    return _slower(stands, clock) if found and found.short_tenths else ""


def _slower(stands: Standing, clock: Clock) -> str:
    """The nearest longer cycle with which what is left lasts; empty without one."""
    pace, header = stands.pace, stands.header
    if pace is None or header is None or not pace.cycles:
        return ""
    now_runs = min(pace.cycles)
    for days in CYCLES:
        if days <= now_runs:
            continue
        found = foreseen(pace, stands.windows, stands.tariff, clock, cycle_days=days)
        if found and not found.short_tenths:
            return (
                f"Or scan {CYCLE_WORDS[days]} instead of {CYCLE_WORDS[now_runs]} and"
                f" {header.left} lasts to the reset."
            )
    return ""


def _after(stands: Standing, quantity: int, clock: Clock) -> Forecast | None:
    if stands.pace is None:
        return None
    return foreseen(
        stands.pace,
        stands.windows,
        stands.tariff,
        clock,
        more_tenths=quantity * TENTHS,
    )


def _up(tenths: int) -> int:
    """Whole quota that covers so many tenths."""
    return -(-tenths // TENTHS)
