"""Quota is drawn from the window that closes first, and never beyond what is free."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.allocation import (
    Draw,
    Room,
    ShortBy,
    available_tenths,
    draws,
    in_draw_order,
)

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 3).map(lambda days: START + timedelta(days=days))
ROOMS = st.lists(
    st.builds(
        Room,
        window_id=st.integers(1, 10**6),
        free_tenths=st.integers(0, 40),
        ends_at=DAYS,
        pack_anchor=DAYS,
        pack_id=st.integers(1, 4),
    ),
    max_size=8,
    unique_by=lambda room: room.window_id,
)


def room(
    window: int, free: int, closes: int = 9, bought: int = 0, pack: int = 1
) -> Room:
    """A window by the days it closes and its pack was bought on."""
    return Room(
        window_id=window,
        free_tenths=free,
        ends_at=START + timedelta(days=closes),
        pack_anchor=START + timedelta(days=bought),
        pack_id=pack,
    )


def test_what_closes_first_serves_first_then_the_older_pack_then_its_id() -> None:
    later, younger = room(1, 5, closes=8), room(2, 5, closes=7, bought=2)
    older_two = room(3, 5, closes=7, bought=1, pack=2)
    older_one = room(4, 5, closes=7, bought=1, pack=1)

    ordered = in_draw_order([later, younger, older_two, older_one])

    assert ordered == [older_one, older_two, younger, later]


def test_one_scan_may_draw_from_two_windows() -> None:
    closing, staying = room(1, 7, closes=1), room(2, 3000, closes=20)

    assert draws(10, [staying, closing]) == [
        Draw(window_id=1, from_tenths=0, to_tenths=7, free_tenths=7),
        Draw(window_id=2, from_tenths=7, to_tenths=10, free_tenths=3000),
    ]


def test_what_just_fits_is_served_and_a_tenth_more_is_refused() -> None:
    rooms = [room(1, 7), room(2, 3)]

    assert draws(10, rooms)[-1].to_tenths == 10
    with pytest.raises(ShortBy) as refusal:
        draws(11, rooms)
    assert refusal.value.needed_tenths == 11
    assert refusal.value.available_tenths == 10
    assert refusal.value.missing_tenths == 1
    assert str(refusal.value) == "short by 1 tenths"


def test_a_window_without_room_serves_nothing() -> None:
    assert [draw.window_id for draw in draws(1, [room(1, 0), room(2, 1)])] == [2]


def test_nothing_to_pay_draws_nothing() -> None:
    assert draws(0, []) == []


@given(ROOMS, st.data())
def test_draws_cover_the_cost_exactly_in_order_and_within_what_is_free(
    rooms: list[Room], data: st.DataObject
) -> None:
    cost = data.draw(st.integers(0, available_tenths(rooms)))
    free = {room.window_id: room.free_tenths for room in rooms}

    drawn = draws(cost, rooms)

    edges = [0, *(draw.to_tenths for draw in drawn)]
    assert [draw.from_tenths for draw in drawn] == edges[:-1]
    assert edges[-1] == cost
    for draw in drawn:
        assert draw.free_tenths == free[draw.window_id]
        assert 0 < draw.to_tenths - draw.from_tenths <= draw.free_tenths


@given(ROOMS, st.data())
def test_no_window_is_touched_while_one_before_it_has_room(
    rooms: list[Room], data: st.DataObject
) -> None:
    cost = data.draw(st.integers(0, available_tenths(rooms)))
    order = [room.window_id for room in in_draw_order(rooms) if room.free_tenths]

    drawn = draws(cost, rooms)

    assert [draw.window_id for draw in drawn] == order[: len(drawn)]
    assert all(
        draw.to_tenths - draw.from_tenths == draw.free_tenths for draw in drawn[:-1]
    )


@given(ROOMS, st.randoms())
def test_the_order_rooms_come_in_does_not_matter(
    rooms: list[Room], random: Random
) -> None:
    shuffled = rooms.copy()
    random.shuffle(shuffled)
    cost = available_tenths(rooms) // 2

    assert draws(cost, shuffled) == draws(cost, rooms)


@given(ROOMS)
def test_the_draw_order_is_the_rules(rooms: list[Room]) -> None:
    for before, after in pairwise(in_draw_order(rooms)):
        assert (before.ends_at, before.pack_anchor, before.pack_id) <= (
            after.ends_at,
            after.pack_anchor,
            after.pack_id,
        )


@given(ROOMS, st.integers(1, 100))
def test_what_does_not_fit_is_refused_with_the_numbers(
    rooms: list[Room], missing: int
) -> None:
    available = available_tenths(rooms)

    with pytest.raises(ShortBy) as refusal:
        draws(available + missing, rooms)

    assert refusal.value.needed_tenths == available + missing
    assert refusal.value.available_tenths == available
    assert refusal.value.missing_tenths == missing
