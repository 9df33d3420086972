"""The pytest plugin that tries the mutants: ``-p tests.mutation.plugin --mutate …``."""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage
from django.db import connections
from psycopg import sql
from pytest_django.plugin import blocking_manager_key

from tests.mutation.mutants import Mutant, mutants

WORKERS = 2
# A mutant that loops is stopped: what its tests take, and what a busy machine adds.
PATIENCE, SLOWNESS = 20, 10
# What a child ends with: the number of the test that failed, as far as that goes, or
# that it could not become its mutant.
FARTHEST, BROKEN = 254, 255
# By force would be refused where the server itself is cleaning up.
CLOSE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = {name} AND backend_type = 'client backend'"
)
DROP = "DROP DATABASE IF EXISTS {copy}"
COPY = "CREATE DATABASE {copy} TEMPLATE {whole}"
KILLED, SURVIVED, TIMED_OUT, UNREACHED = "killed", "survived", "timed out", "unreached"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the modules to mutate, and where to write what became of each mutant."""
    parser.addoption("--mutate", action="append", default=[])
    parser.addoption("--outcomes", default="build/mutation.jsonl")


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run each test once, and then each mutant, instead of each test."""
    modules = [Path(name) for name in session.config.getoption("mutate")]
    if not modules or session.config.option.collectonly:
        return None
    Trial(session, modules).run()
    return True


class Started(NamedTuple):
    """A mutant that is being tried: on which copy, with which tests."""

    copy: int
    mutant: Mutant
    items: Sequence[pytest.Item]


class Trial:
    """The tests of one area against the mutants of its modules."""

    def __init__(self, session: pytest.Session, modules: Sequence[Path]) -> None:
        self.session, self.modules = session, modules
        self.mutants = [mutant for path in modules for mutant in mutants(path)]
        self.took: dict[pytest.Item, float] = {}
        self.kills: Counter[pytest.Item] = Counter()
        self.reaching: dict[str, dict[int, list[pytest.Item]]] = {}
        self.blocker = session.config.stash[blocking_manager_key]
        self.database = ""
        self.outcomes = Path(session.config.getoption("outcomes"))

    def run(self) -> None:
        """Write one line for each mutant. That nothing else fails a test is seen before
        the first, of all tests, and after the last, of those that killed one."""
        self._measure()
        connections.close_all()
        self.database = str(connections["default"].settings_dict["NAME"])
        for copy in range(WORKERS):
            self._copy(copy)
        self._as_it_is(self._in_order(self.session.items))
        self.outcomes.parent.mkdir(parents=True, exist_ok=True)
        with self.outcomes.open("w") as written:
            for mutant, outcome in self._outcomes():
                told = {"mutant": mutant.name, "outcome": outcome}
                written.write(json.dumps(told, ensure_ascii=False) + "\n")
                written.flush()
        if self.kills:
            self._as_it_is(list(self.kills))

    def _measure(self) -> None:
        """Run each test here, and note how long it takes and which lines it reaches."""
        coverage = Coverage(
            data_file=None,
            config_file=False,
            branch=False,
            include=[str(path.absolute()) for path in self.modules],
        )
        coverage.set_option("run:core", "ctrace")
        coverage.set_option("run:disable_warnings", ["no-data-collected"])
        named = {item.nodeid: item for item in self.session.items}
        for item, following in _in_turn(self.session.items):
            began = time.monotonic()
            coverage.start()
            coverage.switch_context(item.nodeid)
            if _fails(item, following):
                pytest.exit(f"{item.nodeid} fails without a mutant.", 1)
            coverage.stop()
            self.took[item] = time.monotonic() - began
        data = coverage.get_data()
        for path in self.modules:
            lines = data.contexts_by_lineno(str(path.absolute()))
            self.reaching[path.as_posix()] = {
                line: [named[name] for name in names if name]
                for line, names in lines.items()
            }

    def _as_it_is(self, items: Sequence[pytest.Item]) -> None:
        """See that tests pass in a fork, on each copy, when nothing is changed."""
        for pid in [self._fork(None, items, copy) for copy in range(WORKERS)]:
            if status := os.waitpid(pid, 0)[1]:
                number = os.waitstatus_to_exitcode(status)
                pytest.exit(f"Without a mutant, {number} of {items} fails.", 1)

    def _outcomes(self) -> Iterator[tuple[Mutant, str]]:
        waiting = self.mutants[::-1]
        free, running = list(range(WORKERS)), dict[int, Started]()
        while waiting or running:
            while waiting and free:
                mutant = waiting.pop()
                items = self._noticing(mutant)
                if items:
                    copy = free.pop()
                    pid = self._fork(mutant, items, copy)
                    running[pid] = Started(copy, mutant, items)
                else:
                    yield mutant, UNREACHED
            if running:
                pid, status = os.wait()
                ended = running.pop(pid)
                if os.WIFSIGNALED(status):
                    self._copy(ended.copy)
                elif number := os.WEXITSTATUS(status):
                    self._note_killer(ended, number)
                free.append(ended.copy)
                yield ended.mutant, _outcome(status)

    def _note_killer(self, ended: Started, number: int) -> None:
        """Note which test killed a mutant."""
        if number == BROKEN:
            pytest.exit(f"{ended.mutant.name} cannot be put in place.", 1)
        self.kills[ended.items[number - 1]] += 1

    def _noticing(self, mutant: Mutant) -> list[pytest.Item]:
        """The tests that reach the change, the quickest and most telling first."""
        reaching = self.reaching[mutant.path.as_posix()]
        lines = reaching if mutant.lines is None else mutant.lines
        return self._in_order({i for line in lines for i in reaching.get(line, ())})

    def _in_order(self, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        return sorted(items, key=lambda item: self.took[item] / (1 + self.kills[item]))

    def _fork(
        self, mutant: Mutant | None, items: Sequence[pytest.Item], copy: int
    ) -> int:
        """Run tests in a child, which ends with the number of the first that fails."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        signal.alarm(PATIENCE + int(SLOWNESS * sum(map(self.took.__getitem__, items))))
        ends_with = BROKEN
        try:
            for alias in connections:
                connections[alias].settings_dict["NAME"] = self._name(copy)
            if mutant:
                mutant.become()
            turns = enumerate(_in_turn(items), 1)
            failed = next((number for number, pair in turns if _fails(*pair)), 0)
            ends_with = min(failed, FARTHEST)
        finally:
            os._exit(ends_with)

    def _copy(self, number: int) -> None:
        """Copy the database of the tests, anew."""
        parts = {"copy": self._name(number), "whole": self.database}
        names = {word: sql.Identifier(name) for word, name in parts.items()}
        name = sql.Literal(self._name(number))
        with self.blocker.unblock(), connections["owner"]._nodb_cursor() as cursor:
            for text in (CLOSE, DROP, COPY):
                cursor.execute(sql.SQL(text).format(**names, name=name))

    def _name(self, copy: int) -> str:
        return f"{self.database}_{copy}"


def _in_turn(
    items: Sequence[pytest.Item],
) -> Iterator[tuple[pytest.Item, pytest.Item]]:
    """Each item and the one after it. The last is followed by the first, so that what
    belongs to the whole session stays; an only one by another, or it would not be taken
    down itself, and leave its rows in the copy."""
    others = (each for each in items[0].session.items if each is not items[-1])
    first = items[0] if len(items) > 1 else next(others, items[0])
    return zip(items, [*items[1:], first], strict=True)


def _fails(item: pytest.Item, following: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return any(report.failed for report in reports)


def _outcome(status: int) -> str:
    if os.WIFSIGNALED(status):
        return TIMED_OUT
    return KILLED if os.WEXITSTATUS(status) else SURVIVED
