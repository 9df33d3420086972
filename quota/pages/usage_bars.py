"""What was used in the last months, beside what there is and what a purchase adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from accounts.models import Account
from quota.models import LedgerEntry, Subscription, UsageBin
from quota.pages.foresight import demand_of
from quota.pages.header import Standing
from quota.pages.words import Clock
from quota.rules.calendar import boundary
from quota.rules.units import TENTHS

SHOWN = 7
BASE, HEIGHT = 160, 132
# Labels of two lines need so many pixels between them.
APART = 16


@dataclass(frozen=True, slots=True)
class UsageBar:
    """One month. ``guess`` is the part of this one that is still expected."""

    x: str
    text_x: str
    y: str
    height: str
    guess_y: str
    guess_height: str
    words: str
    words_y: str
    month: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class UsageBars:
    """The months, two levels, and the whole in one sentence. Heights are pixels."""

    bars: Sequence[UsageBar]
    have_y: str
    have_text_y: str
    have: str
    with_y: str
    with_text_y: str
    with_: str
    sentence: str


def usage_bars(
    account: Account, stands: Standing, quantity: int, clock: Clock
) -> UsageBars | None:
    """The last months of the subscription and this one, in one query; None before the
    first purchase of quota."""
    header, subscription = stands.header, stands.subscription
    if header is None or subscription is None:
        return None
    edges = _months(subscription, clock.now)
    past = _used(account, edges)[:-1]
    now = header.total_tenths - header.left_tenths
    heading = now + demand_of(stands)
    have, with_ = header.total_tenths, header.total_tenths + quantity * TENTHS
    top = max(*past, heading, with_, TENTHS)
    names = [f"{edge.astimezone(clock.zone):%b}" for edge in edges]
    offset = SHOWN - len(edges)
    bars = [
        _bar(offset + at, used, 0, name, top)
        for at, (used, name) in enumerate(zip(past, names, strict=False))
    ]
    bars.append(_bar(SHOWN - 1, now, heading - now, names[-1], top))
    apart = _y(have, top) - _y(with_, top) >= APART
    return UsageBars(
        bars=bars,
        have_y=str(_y(have, top)),
        have_text_y=str(_y(have, top) - 6),
        have=f"{_whole(have)} now" if apart else "",
        with_y=str(_y(with_, top)) if quantity else "",
        with_text_y=str(_y(with_, top) - 6),
        with_=f"{_whole(with_)} with this purchase",
        sentence=_sentence(past, heading, have, with_),
    )


def _months(subscription: Subscription, now: datetime) -> list[datetime]:
    """When each month of the subscription up to this one began, the last seven."""
    zone, edges = subscription.zone_info, [subscription.anchor]
    while (edge := boundary(subscription.anchor, len(edges), zone)) <= now:
        edges.append(edge)
    return edges[-SHOWN:]


def _used(account: Account, edges: Sequence[datetime]) -> Sequence[int]:
    """What was used between each edge and the next, in tenths."""
    bins = UsageBin.objects.filter(
        account=account, kind=LedgerEntry.Kind.SETTLE, starts_at__gte=edges[0]
    )
    sums = {
        f"month_{at}": Sum(
            "tenths",
            filter=Q(starts_at__gte=edge)
            & (Q(starts_at__lt=edges[at + 1]) if at + 1 < len(edges) else Q()),
            default=0,
        )
        for at, edge in enumerate(edges)
    }
    found = bins.aggregate(**sums)
    return [int(found[name]) for name in sums]


def _bar(place: int, used: int, more: int, month: str, top: int) -> UsageBar:
    """A bar in its seventh of the width, with its figure in or over it."""
    left = place * 10_000 // SHOWN + 150
    y, guess_y = _y(used, top), _y(used + more, top)
    # A figure stands in a pale bar or in a guess, otherwise over the bar.
    room = y - guess_y if place == SHOWN - 1 else BASE - guess_y
    fits = room >= APART + 4
    return UsageBar(
        x=_percent(left),
        text_x=_percent(left + 565),
        y=str(y),
        height=str(BASE - y),
        guess_y=str(guess_y),
        guess_height=str(y - guess_y) if more > 0 else "",
        words=_whole(used + more),
        words_y=str(guess_y + APART if fits else guess_y - 6),
        month=month,
        is_now=place == SHOWN - 1,
    )


def _y(tenths: int, top: int) -> int:
    return BASE - tenths * HEIGHT // top


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def _whole(tenths: int) -> str:
    """Whole quota, rounded up: what a purchase would have had to cover."""
    return f"{-(-tenths // TENTHS):,}"


def _sentence(past: Sequence[int], heading: int, have: int, with_: int) -> str:
    months = ", ".join(_whole(used) for used in past)
    before = f"Quota used in the months before: {months}. " if past else ""
    after = f", and {_whole(with_)} after this purchase" if with_ > have else ""
    return (
        f"{before}This month is heading for {_whole(heading)}. You have"
        f" {_whole(have)}{after}."
    )
