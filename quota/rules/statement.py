"""Statements that prove themselves: lines chained by hashes, which anybody can check.

A document is JSON with one line of text for each line of the statement. The hash of a
line is the SHA-256 of the hash before it, as hexadecimal digits, and of the line's own
text, byte by byte as it stands in the file; before the first line it is 64 zeros.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

FORMAT = "tcss-billing statement 1"
BEFORE_FIRST = "0" * 64
HEAD, FOOT = f'{{"format":"{FORMAT}","lines":[', "]}"
OPEN, MIDDLE, CLOSE = '{"hash":"', '","line":', "}"
# What a kind of entry does to what is used, held, and left of a month.
MOVES: Mapping[str, tuple[int, int, int]] = {
    "grant": (0, 0, 1),
    "hold": (0, 1, -1),
    "settle": (1, -1, 0),
    "release": (0, -1, 1),
    "lapse": (0, 0, -1),
    "revoke": (0, 0, -1),
}


class NotProved(ValueError):
    """A statement is not what it says; ``str()`` says where it breaks."""


@dataclass(slots=True)
class Sums:
    """What the entries of a month have come to so far, in tenths."""

    entries: int = 0
    used: int = 0
    held: int = 0
    left: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, tenths: int) -> None:
        """Book one entry."""
        used, held, left = MOVES[kind]
        self.entries += 1
        self.used += used * tenths
        self.held += held * tenths
        self.left += left * tenths
        self.by_kind[kind] = self.by_kind.get(kind, 0) + tenths

    def closing(self) -> dict[str, Any]:
        """The last line of the statement."""
        return {
            "type": "closing",
            "entries": self.entries,
            "granted_tenths": self.by_kind.get("grant", 0),
            "used_tenths": self.used,
            "held_tenths": self.held,
            "lapsed_tenths": self.by_kind.get("lapse", 0),
            "revoked_tenths": self.by_kind.get("revoke", 0),
            "left_tenths": self.left,
        }


def canonical(line: Mapping[str, Any]) -> str:
    """A line as text, the same for the same content: keys in order, no spaces.

    >>> canonical({"b": 1, "a": "é"})
    '{"a":"é","b":1}'
    """
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chained(lines: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each line's hash and text.

    >>> [(number, _)] = chained([{"a": 1}])
    >>> number == sha256((BEFORE_FIRST + '{"a":1}').encode()).hexdigest()
    True
    """
    before = BEFORE_FIRST
    for line in lines:
        text = canonical(line)
        before = _link(before, text)
        yield before, text


def document(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The statement as JSON, line by line."""
    yield HEAD
    comma = "\n"
    for number, text in chained(lines):
        yield f"{comma}{OPEN}{number}{MIDDLE}{text}{CLOSE}"
        comma = ",\n"
    yield f"\n{FOOT}\n"


@dataclass(frozen=True, slots=True)
class Proved:
    """A statement that holds: its hashes, its first and its last line."""

    head: str
    tail: str
    opening: Mapping[str, Any]
    closing: Mapping[str, Any]


def verify(text_lines: Iterable[str]) -> Proved:
    """Read a document line by line and prove its chain and its sums: each hash, the
    free quota that each entry states, and the closing. Refuses (NotProved) any other.
    """
    lines = (line.rstrip("\r\n") for line in text_lines)
    if next(lines, "") != HEAD:
        raise NotProved("This is not a statement of this product.")
    proof = _Proof()
    for text in lines:
        if text == FOOT:
            break
        proof.take(text)
    else:
        raise NotProved("The statement is cut off.")
    if any(line.strip() for line in lines):
        raise NotProved("There is more after the end.")
    return proof.proved()


@dataclass(slots=True)
class _Proof:
    """What was read so far."""

    number: int = 0
    head: str = ""
    before: str = BEFORE_FIRST
    opening: dict[str, Any] = field(default_factory=dict)
    closing: dict[str, Any] = field(default_factory=dict)
    sums: Sums = field(default_factory=Sums)

    def take(self, text: str) -> None:
        """Prove the next line."""
        self.number += 1
        if self.closing:
            raise NotProved(f"Line {self.number}: there is more after the closing.")
        self.before, line = _checked(text, self.before, self.number)
        self.head = self.head or self.before
        if self.number == 1:
            self.opening = line
        elif line.get("type") == "closing":
            self.closing = line
        else:
            _book(self.sums, line, self.number)

    def proved(self) -> Proved:
        """The whole, if it adds up."""
        opens = self.opening.get("type") == "opening"
        if not opens or self.closing != self.sums.closing():
            raise NotProved("The closing is not what the entries come to.")
        return Proved(self.head, self.before, self.opening, self.closing)


def _link(before: str, text: str) -> str:
    return sha256(f"{before}{text}".encode()).hexdigest()


def _checked(text: str, before: str, number: int) -> tuple[str, dict[str, Any]]:
    stated = text.removeprefix(OPEN)[:64]
    begin, end = f"{OPEN}{stated}{MIDDLE}", text.removesuffix(",")
    if not text.startswith(begin) or not end.endswith(CLOSE):
        raise NotProved(f"Line {number} is not a line of a statement.")
    content = end[len(begin) : -len(CLOSE)]
    if _link(before, content) != stated:
        raise NotProved(f"Line {number} is not the one that was written: {stated}.")
    try:
        line = json.loads(content)
    except ValueError as error:
        raise NotProved(f"Line {number} is not JSON.") from error
    if not isinstance(line, dict):
        raise NotProved(f"Line {number} is not a line of a statement.")
    return stated, line


def _book(sums: Sums, line: Mapping[str, Any], number: int) -> None:
    kind, tenths = str(line.get("kind")), line.get("tenths")
    if kind not in MOVES or type(tenths) is not int or tenths < 0:
        raise NotProved(f"Line {number} is not an entry.")
    sums.add(kind, tenths)
    if sums.left != line.get("left_tenths"):
        raise NotProved(f"Line {number}: {sums.left} tenths are left, not as stated.")
