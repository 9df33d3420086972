"""Instants and counts, in the words of the console (ui.md 4.4)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.models import Account

NEAR = timedelta(days=14)


class Clock:
    """One page's view of time: now, in the account's current zone."""

    def __init__(self, account: Account, now: datetime) -> None:
        self.zone = account.zone_info
        self.now = now.astimezone(self.zone)
        self._days: dict[date, str] = {}

    def day(self, instant: datetime) -> str:
        """``15 Dec``; with the weekday when near, with the year when not this one."""
        local = instant.astimezone(self.zone)
        text = f"{local.day} {local:%b}"
        if abs(local - self.now) <= NEAR:
            text = f"{local:%a} {text}"
        return text if local.year == self.now.year else f"{text} {local.year}"

    def date(self, instant: datetime) -> str:
        """``15 Dec``, with the year when it is not this one."""
        local = instant.astimezone(self.zone)
        text = f"{local.day} {local:%b}"
        return text if local.year == self.now.year else f"{text} {local.year}"

    def time(self, instant: datetime) -> str:
        """``14:00``."""
        return f"{instant.astimezone(self.zone):%H:%M}"

    def moment(self, instant: datetime) -> str:
        """``Today, 02:04``, ``Yesterday, 02:04`` or ``Tue 15 Dec, 14:00``."""
        local = instant.astimezone(self.zone)
        day = local.date()
        if day not in self._days:
            days = (day - self.now.date()).days
            word = {0: "Today", 1: "Tomorrow", -1: "Yesterday"}.get(days)
            self._days[day] = word or self.day(instant)
        return f"{self._days[day]}, {local.hour:02}:{local.minute:02}"

    def running_moment(self, instant: datetime) -> str:
        """The moment inside a sentence: ``today, 02:04``, but ``Tue 15 Dec, 14:00``."""
        text = self.moment(instant)
        relative = text.startswith(("Today", "Tomorrow", "Yesterday"))
        return text[0].lower() + text[1:] if relative else text

    def within(self, instant: datetime) -> str:
        """The same after a verb: ``today, 02:04``, ``on Tue 15 Dec, 14:00``."""
        text = self.running_moment(instant)
        return text if text[0].islower() else f"on {text}"

    def short_moment(self, instant: datetime) -> str:
        """``15 Dec, 14:00``, for a timeline."""
        return f"{self.date(instant)}, {self.time(instant)}"

    def iso(self, instant: datetime) -> str:
        """The instant for ``<time datetime>``."""
        return instant.astimezone(self.zone).isoformat(timespec="seconds")


def zone_label(zone: ZoneInfo, now: datetime) -> str:
    """``Asia/Singapore (UTC+8)``; ``UTC`` alone says it."""
    if zone.key == "UTC":
        return zone.key
    offset = now.astimezone(zone).utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign = "+" if minutes >= 0 else "\u2212"
    hours, rest = divmod(abs(minutes), 60)
    return f"{zone.key} (UTC{sign}{hours}{f':{rest:02}' if rest else ''})"


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 image``, ``1,284 images``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def asked(names: Sequence[str], what: str, *, is_new: bool) -> str:
    """``Ivo Brandt and Mei Tanaka were asked for access today already.``"""
    verb = "was" if len(names) == 1 else "were"
    already = "" if is_new else " today already"
    return f"{' and '.join(names)} {verb} asked for {what}{already}."
