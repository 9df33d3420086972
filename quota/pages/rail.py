"""The rail under the quota: the month gone by, and whether what is left lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from quota.pages.words import Clock
from quota.rules.forecast import Forecast
from quota.rules.units import TENTHS

SECOND = timedelta(seconds=1)
# Hundredths of a percent that the labels need between them.
FULL, ROOM, ROOM_AT_END, LATE = 10_000, 1_600, 2_600, 8_000


@dataclass(frozen=True, slots=True)
class Rail:
    """The rail's parts, and the forecast in words. Places are percents.

    ``look`` is the class of the line after today, before ``out`` where quota runs out
    before the reset.
    """

    elapsed: str
    look: str
    out: str
    out_day: str
    label_starts: bool
    label_today: bool
    label_out: bool
    words: str
    tone: str
    icon: str


def percent(part: int, whole: int) -> str:
    """A width for a track, cut to hundredths of a percent: ``66.20%``."""
    return _words(_hundredths(part, whole))


def rail(
    *,
    left_tenths: int,
    starts_at: datetime,
    ends_at: datetime,
    found: Forecast | None,
    clock: Clock,
) -> Rail:
    """The rail of a month of quota; labels that would touch are left out."""
    whole = (ends_at - starts_at) // SECOND
    today = _hundredths((clock.now - starts_at) // SECOND, whole)
    at = found.runs_out_at if found and left_tenths else None
    out = _hundredths((at - starts_at) // SECOND, whole) if at else 0
    words, tone, icon = forecast_words(left_tenths, found, clock)
    return Rail(
        elapsed=_words(today),
        look=_look(left_tenths, found),
        out=_words(out) if at else "",
        out_day=clock.date(at) if at else "",
        label_starts=today >= ROOM,
        label_today=today <= LATE,
        label_out=bool(at) and today + ROOM <= out <= FULL - ROOM_AT_END,
        words=words,
        tone=tone,
        icon=icon,
    )


def forecast_words(
    left_tenths: int, found: Forecast | None, clock: Clock
) -> tuple[str, str, str]:
    """The forecast in a short sentence, with its tone and icon."""
    if not left_tenths:
        return "Used up. Nothing can be scanned", "bad", "octagon-alert"
    if found is None:
        return "Forecast starts after 2 days of scanning", "", "clock"
    if found.runs_out_at:
        return (
            f"Runs out about {clock.day(found.runs_out_at)}",
            "warn",
            "triangle-alert",
        )
    spare = found.spare_tenths // TENTHS
    return f"Lasts to the reset, about {spare:,} to spare", "ok", "circle-check"


def _look(left_tenths: int, found: Forecast | None) -> str:
    if not left_tenths:
        return "g-gap"
    if found is None:
        return "g-line"
    return "g-dash" if found.runs_out_at else "g-fine"


def _hundredths(part: int, whole: int) -> int:
    return part * FULL // whole if whole else 0


def _words(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}%"
