"""Which windows a draw comes from (rules 5.8)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Room(NamedTuple):
    """An open window as a draw sees it."""

    window_id: int
    free_tenths: int
    ends_at: datetime
    pack_anchor: datetime
    pack_id: int


class Draw(NamedTuple):
    """The half-open stretch ``[from, to)`` of the running cost that one window serves.

    ``free_tenths`` is what it had free before."""

    window_id: int
    from_tenths: int
    to_tenths: int
    free_tenths: int


class ShortBy(ValueError):
    """The rooms do not hold the cost; says in tenths what is needed, free, missing."""

    def __init__(self, needed_tenths: int, available: int) -> None:
        self.needed_tenths = needed_tenths
        self.available_tenths = available
        self.missing_tenths = needed_tenths - available
        super().__init__(f"short by {self.missing_tenths} tenths")


def in_draw_order(rooms: Iterable[Room]) -> list[Room]:
    """Sort by the window that closes first, then the older pack, then its id."""
    return sorted(
        rooms, key=lambda r: (r.ends_at, r.pack_anchor, r.pack_id, r.window_id)
    )


def available_tenths(rooms: Iterable[Room]) -> int:
    """Add up what is free."""
    return sum(room.free_tenths for room in rooms)


def draws(cost_tenths: int, rooms: Iterable[Room]) -> list[Draw]:
    """Divide a cost among rooms, in draw order. Refuses (ShortBy) what does not fit.

    >>> from datetime import UTC
    >>> when = datetime(2025, 1, 1, tzinfo=UTC)
    >>> rooms = [Room(1, 5, when, when, 1), Room(2, 9, when, when, 2)]
    >>> [(d.window_id, d.from_tenths, d.to_tenths) for d in draws(8, rooms)]
    [(1, 0, 5), (2, 5, 8)]
    """
    ordered = in_draw_order(rooms)
    available = available_tenths(ordered)
    if cost_tenths > available:
        raise ShortBy(cost_tenths, available)
    drawn: list[Draw] = []
    reached = 0
    for room in ordered:
        share = min(room.free_tenths, cost_tenths - reached)
        if share > 0:
            drawn.append(
                Draw(room.window_id, reached, reached + share, room.free_tenths)
            )
            reached += share
    return drawn
