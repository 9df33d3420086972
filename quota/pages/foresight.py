"""What follows from the forecast: how much to buy, or how to do without."""

from dataclasses import dataclass

from quota.pages.header import Standing
from quota.pages.pace import foreseen
from quota.pages.words import Clock
from quota.rules.forecast import Forecast, purchase_to_cover
from quota.rules.scheduling import CYCLES
from quota.rules.units import TENTHS

CYCLE_WORDS = {1: "daily", 7: "weekly", 15: "every 15 days", 30: "every 30 days"}


@dataclass(frozen=True, slots=True)
class Strip:
    """The strip of advice, which is there only when quota runs short."""

    lead: str
    words: str
    quantity: int
    amount: str
    offers_schedule: bool


def strip(stands: Standing, clock: Clock) -> Strip | None:
    """The smallest purchase that covers the month, what a larger one would waste, and
    the slower schedule with which none is needed."""
    found = stands.forecast
    if found is None or not found.short_tenths or not stands.is_active:
        return None
    step = stands.tariff.step
    quantity = purchase_to_cover(found.short_tenths, step)
    spare = quantity - _up(found.short_tenths)
    slower = _slower(stands, clock)
    words = (
        f"{quantity:,} more covers it; {quantity + step:,} would leave"
        f" {spare + step:,} unused."
    )
    if slower:
        words += f" {slower}"
    return Strip(
        lead=f"About {_up(found.short_tenths):,} short this month.",
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


def purchase_words(stands: Standing, quantity: int, clock: Clock) -> str:
    """What a purchase of so many scans a month would do for this month."""
    header, found, step = stands.header, stands.forecast, stands.tariff.step
    if not quantity:
        return ""
    if header is None or found is None:
        firsts = quantity * TENTHS // stands.tariff.first_tenths
        repeats = quantity * TENTHS // stands.tariff.repeat_tenths
        return (
            f"No history yet. {quantity:,} covers about {firsts:,} first scans or"
            f" {repeats:,} repeats."
        )
    if not found.short_tenths:
        spare = found.spare_tenths // TENTHS
        return f"You do not need more this month. At this pace {spare:,} is left over."
    after = _after(stands, quantity, clock)
    covers = purchase_to_cover(found.short_tenths, step)
    if after and after.runs_out_at:
        return (
            f"{quantity:,} is not enough. You would still run out about"
            f" {clock.day(after.runs_out_at)}. {covers:,} covers it."
        )
    heading = header.total_tenths - header.left_tenths + demand_of(stands)
    spare = quantity - _up(found.short_tenths)
    if quantity > covers:
        return (
            f"{covers:,} is enough. {quantity:,} would leave {spare:,} unused this"
            " month."
        )
    return (
        f"{quantity:,} is enough. This month is heading for about {_up(heading):,},"
        f" which leaves about {spare:,} spare. {quantity + step:,} would leave"
        f" {spare + step:,} unused."
    )


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
