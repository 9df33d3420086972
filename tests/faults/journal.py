"""What each process asked and what it was told, written down as it happens."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TAIL = 8_192
LINES = (b'{"intends"', b'{"told"', b'{"counts"')


@dataclass(frozen=True, slots=True)
class Command:
    """Something to ask, whole: whoever reads it can ask it again."""

    key: str
    verb: str
    account: int
    asked: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking: ``done`` with an answer, ``refused``, or ``broken`` when
    nobody can know whether it was done. Times are of the machine's own clock."""

    command: Command
    says: str
    began: float
    answer: list[Any] = field(default_factory=list)
    why: str = ""
    ended: float = field(default_factory=time.monotonic)


class Journal:
    """The file of one process. A line is in the file before the next thing happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def intend(self, command: Command) -> None:
        """Write down what is about to be asked."""
        self._write({"intends": asdict(command)})

    def acknowledge(self, told: Told) -> None:
        """Write down what was told: on the disk before anybody acts on it."""
        self._write({"told": asdict(told)})
        os.fsync(self._file)

    def count(self, what: str, why: str = "") -> None:
        """Write down something that has no key: a job's run, a claim, an outage."""
        self._write({"counts": what, "why": why})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


@dataclass
class Writings:
    """All that was written in a folder."""

    intended: dict[str, Command] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    counted: list[tuple[str, str]] = field(default_factory=list)

    @property
    def done(self) -> list[Told]:
        """What was acknowledged."""
        return [told for told in self.told if told.says == "done"]


def read(folder: Path) -> Writings:
    """Read everything that the processes of a run wrote."""
    found = Writings()
    for path in sorted(folder.glob("*.jsonl")):
        for line in _lines(path.read_bytes()):
            if intends := line.get("intends"):
                found.intended[intends["key"]] = Command(**intends)
            elif told := line.get("told"):
                command = Command(**told.pop("command"))
                found.told.append(Told(command, **told))
            else:
                found.counted.append((line["counts"], line["why"]))
    return found


def recent(path: Path) -> list[Command]:
    """What another process has asked lately, whether or not it was told anything."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = _lines(file.read())
    return [Command(**line["intends"]) for line in lines if "intends" in line]


def _lines(content: bytes) -> Iterator[dict[str, Any]]:
    """The whole lines; a tail may begin, and a killed process end, in the middle."""
    for line in content.splitlines(keepends=True):
        if line.startswith(LINES) and line.endswith(b"}\n"):
            yield json.loads(line)
