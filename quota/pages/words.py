"""Instants, amounts of quota and counts, in the words of the console (ui.md 4.4)."""

from accounts.words import NEAR, Clock, plural, zone_label

__all__ = ["NEAR", "Clock", "lowered", "plural", "size", "zone_label"]


def lowered(moment: str) -> str:
    """A moment inside a sentence: Today and its neighbours begin small, a weekday does
    not."""
    near = moment.startswith(("Today", "Tomorrow", "Yesterday"))
    return moment[0].lower() + moment[1:] if near else moment


def size(octets: int) -> str:
    """``12.3 MB``, in decimal units and whole tenths."""
    value, unit = octets * 10, "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 10_000:
            break
        value, unit = value // 1_000, larger
    return f"{value // 10}.{value % 10} {unit}" if unit != "B" else f"{octets} B"
