"""Statements prove themselves, and any other file does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.statement import MOVES, NotProved, Sums, document, verify

OPENING = {"type": "opening", "window": 1}


def lines_of(moves: list[tuple[str, int]]) -> list[dict[str, Any]]:
    sums = Sums()
    lines: list[dict[str, Any]] = [OPENING]
    for number, (kind, tenths) in enumerate(moves, 1):
        sums.add(kind, tenths)
        lines.append(
            {
                "entry": number,
                "kind": kind,
                "tenths": tenths,
                "left_tenths": sums.left,
                "outcome": "“ä\u2028\n\U0001f600",
            }
        )
    return [*lines, sums.closing()]


def text_of(moves: list[tuple[str, int]]) -> str:
    return "".join(document(lines_of(moves)))


MOVED = st.lists(st.tuples(st.sampled_from(sorted(MOVES)), st.integers(0, 5_000)))
SOME = [("grant", 3_000), ("hold", 10), ("settle", 10), ("hold", 1), ("release", 1)]


@given(MOVED)
def test_what_was_written_is_proved(moves: list[tuple[str, int]]) -> None:
    text = text_of(moves)

    proved = verify(text.split("\n"))

    lines = json.loads(text)["lines"]
    assert (proved.head, proved.tail) == (lines[0]["hash"], lines[-1]["hash"])
    assert proved.closing["entries"] == len(moves)


@given(MOVED, st.data())
def test_no_line_can_be_changed_left_out_put_in_or_moved(
    moves: list[tuple[str, int]], data: st.DataObject
) -> None:
    lines = text_of(moves).split("\n")
    at = data.draw(st.integers(0, len(lines) - 3))
    other = data.draw(st.integers(0, len(lines) - 3).filter(lambda n: n != at))
    spoiled = {
        "changed": [*lines[:at], lines[at].replace(":", ": ", 1), *lines[at + 1 :]],
        "left out": [*lines[:at], *lines[at + 1 :]],
        "put in": [*lines[:at], lines[other], *lines[at:]],
        "cut off": lines[:at],
    }

    for found in spoiled.values():
        with pytest.raises(NotProved):
            verify(found)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[1].update(tenths=2_999), "are left, not as stated"),
        (lambda lines: lines[1].update(tenths=3_000.0), "is not an entry"),
        (lambda lines: lines[1].update(kind="gift"), "is not an entry"),
        (lambda lines: lines[-1].update(used_tenths=9), "closing is not what"),
        (lambda lines: lines.pop(), "closing is not what"),
        (lambda lines: lines.pop(0), "are left, not as stated"),
        (lambda lines: lines.append(lines[1]), "more after the closing"),
    ],
)
def test_a_chain_of_false_lines_does_not_add_up(spoil: Any, said: str) -> None:
    lines = lines_of(SOME)
    spoil(lines)

    with pytest.raises(NotProved, match=said):
        verify("".join(document(lines)).split("\n"))


@pytest.mark.parametrize("text", ["", "[]", "\x00", text_of(SOME) + "more"])
def test_another_file_is_no_statement(text: str) -> None:
    with pytest.raises(NotProved):
        verify(text.split("\n"))
