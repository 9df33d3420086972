"""Bars by the day, as an SVG the server draws: widths in percent, heights in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from quota.pages.words import plural
from quota.rules.units import TENTHS, format_quota

BASE = 208
HEIGHT = 180
LABELS = 5
# Round figures for the axis, in tenths of quota.
STEPS = (10, 20, 50)


@dataclass(frozen=True, slots=True)
class Day:
    """What a local day was used for."""

    date: str
    words: str
    short: str
    number: int
    firsts: int
    repeats: int
    first_tenths: int
    repeat_tenths: int
    is_past: bool

    @property
    def tenths(self) -> int:
        """All that was used on it."""
        return self.first_tenths + self.repeat_tenths


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's two boxes, one above the other, and its row in the table."""

    date: str
    words: str
    title: str
    x: str
    width: str
    first_y: str
    first_height: str
    repeat_y: str
    repeat_height: str
    firsts: str
    repeats: str
    used: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word on an axis."""

    place: str
    text_place: str
    words: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is expected: so much a day, until the hour at which quota runs out."""

    daily_tenths: int
    out_date: str
    out_hour: int


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the chart with a word in it."""

    x: str
    width: str
    y: str
    height: str
    text_x: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars, both axes, and the whole in one sentence; ``guesses`` are the days to
    come, ``without`` the time in which no quota is left. ``more_query`` goes with the
    link of a day."""

    bars: Sequence[Bar]
    days: Sequence[Mark]
    levels: Sequence[Mark]
    sentence: str
    guesses: Sequence[Box] = ()
    expected: Box | None = None
    without: Box | None = None
    more_query: str = ""


def chart(
    days: Sequence[Day], ahead: Ahead | None = None, more_query: str = ""
) -> Chart:
    """Draw the days. The axis ends at a round figure above the highest bar."""
    highest = max(days, key=lambda day: day.tenths)
    most = max(highest.tenths, ahead.daily_tenths if ahead else 0)
    step = _step(most)
    top = max(step, -(-most // step) * step)
    guesses = _guesses(days, ahead, top) if ahead else []
    past = [day for day in days if day.is_past]
    return Chart(
        bars=[
            _bar(n, day, len(days), top) for n, day in enumerate(days) if day.is_past
        ],
        days=[_day(n, day, len(days)) for n, day in enumerate(days) if n % LABELS == 0],
        levels=[_level(tenths, top) for tenths in range(0, top + 1, step)],
        sentence=(
            f"Quota used by the day since {days[0].short}. Most on {highest.words},"
            f" {format_quota(highest.tenths)};"
            f" {format_quota(sum(day.tenths for day in past))} in all."
        ),
        guesses=guesses,
        expected=_expected(guesses),
        without=_without(days, ahead) if ahead else None,
        more_query=more_query,
    )


def a_day(tenths: int) -> str:
    """``31 a day``, rounded up: what is foreseen is not known to the tenth."""
    return f"{format_quota(-(-tenths // TENTHS) * TENTHS)} a day"


def _guesses(days: Sequence[Day], ahead: Ahead, top: int) -> Sequence[Box]:
    """A dashed bar for every day to come on which there is quota."""
    height, lasts = _pixels(ahead.daily_tenths, top), not ahead.out_date
    words = f"{a_day(ahead.daily_tenths)} expected"
    return [
        Box(
            x=_percent(number * 10 + 2, len(days) * 10),
            width=_percent(6, len(days) * 10),
            y=_px(BASE * 10 - height),
            height=_px(height),
            text_x=_percent(number * 10 + 5, len(days) * 10),
            words=words,
        )
        for number, day in enumerate(days)
        if height and not day.is_past and (day.date < ahead.out_date or lasts)
    ]


def _expected(guesses: Sequence[Box]) -> Box | None:
    """The word over the middle of the dashed bars, where they are wide enough."""
    return guesses[len(guesses) // 2] if len(guesses) >= LABELS else None


def _without(days: Sequence[Day], ahead: Ahead) -> Box | None:
    """The zone without quota, from the hour at which it runs out to the reset."""
    dates = [day.date for day in days]
    if ahead.out_date not in dates:
        return None
    begins = dates.index(ahead.out_date) * 24 + ahead.out_hour
    whole = len(days) * 24
    return Box(
        x=_percent(begins, whole),
        width=_percent(whole - begins, whole),
        y=_px((BASE - HEIGHT - 16) * 10),
        height=_px((HEIGHT + 16) * 10),
        text_x=_percent(begins + whole, whole * 2),
        words="No quota left" if (whole - begins) * 6 >= whole else "",
    )


def _step(highest: int) -> int:
    """A round step that cuts the axis into at most four.

    >>> _step(1_190), _step(0), _step(61)
    (500, 10, 20)
    """
    scale = 1
    while True:
        for step in STEPS:
            if step * scale * 4 >= highest:
                return step * scale
        scale *= 10


def _percent(part: int, whole: int) -> str:
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def _pixels(tenths: int, top: int) -> int:
    """A height in tenths of a pixel."""
    return tenths * HEIGHT * 10 // top


def _px(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"


def _bar(position: int, day: Day, count: int, top: int) -> Bar:
    repeat, first = _pixels(day.repeat_tenths, top), _pixels(day.first_tenths, top)
    gap = 10 if repeat and first else 0
    used = format_quota(day.tenths)
    return Bar(
        date=day.date,
        words=day.words,
        title=(
            f"{day.words}: {used} ({plural(day.firsts, 'first scan')},"
            f" {plural(day.repeats, 'repeat scan')})"
        ),
        x=_percent(position * 10 + 2, count * 10),
        width=_percent(6, count * 10),
        first_y=_px(BASE * 10 - repeat - first),
        first_height=_px(max(0, first - gap)),
        repeat_y=_px(BASE * 10 - repeat),
        repeat_height=_px(repeat),
        firsts=f"{day.firsts:,}",
        repeats=f"{day.repeats:,}",
        used=used,
    )


def _day(position: int, day: Day, count: int) -> Mark:
    words = day.short if position == 0 or day.number <= LABELS else str(day.number)
    return Mark(_percent(position * 10 + 5, count * 10), "", words)


def _level(tenths: int, top: int) -> Mark:
    y = BASE * 10 - _pixels(tenths, top)
    return Mark(_px(y), _px(y + 40), format_quota(tenths))
