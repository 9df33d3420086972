"""The processes of a measurement, side by side, and what they did together."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import NamedTuple

from django.conf import settings

from tests.benchmarks.charging.plan import Plan
from tests.benchmarks.charging.worker import Done

# More would only take turns on the cores.
MOST = 4
# The application's role gives up on a lock after five seconds, and whoever pressed is
# asked to come back. Here all wait their turn, ours and others', however many they are.
PATIENT = {"PGOPTIONS": "-c lock_timeout=0"}
Process = subprocess.Popen[str]


class Rate(NamedTuple):
    """Charges a second while it was measured, and how many there were in all."""

    a_second: float
    charges: int


def measure(plan: Plan, environment: Mapping[str, str]) -> Rate:
    """Start all workers of a plan, let them warm, and have them charge at once."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_started(plan, numbers, environment))
            for numbers in _shares(plan.workers)
        ]
        for process in processes:
            assert _line(process) == "ready\n"
        for process in processes:
            _tell(process, "go\n")
        done = [
            Done(*each) for process in processes for each in json.loads(_line(process))
        ]
    return Rate(
        sum(each.charges for each in done) / max(each.seconds for each in done),
        sum(each.before + each.charges for each in done),
    )


def _shares(workers: int) -> Iterator[list[int]]:
    count = min(workers, MOST)
    return (list(range(first, workers, count)) for first in range(count))


def _started(plan: Plan, numbers: list[int], environment: Mapping[str, str]) -> Process:
    asked = json.dumps({"plan": asdict(plan), "numbers": numbers})
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.charging.worker", asked],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment, **PATIENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: Process) -> str:
    """Its next line. A worker that broke has none: its traceback was printed."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, f"a worker broke with status {process.wait()}"
    return line


def _tell(process: Process, line: str) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()
