"""One process of a measurement: some of its workers, each a thread with a connection.

Says ``ready`` when all are warm, begins at the next line of its input, and then says
what its workers did. What breaks in one of them ends the process with its traceback.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import django

from tests.benchmarks.charging.plan import Plan

WARM = 3


class Done(NamedTuple):
    """What one worker did: charges before it was measured, and in so many seconds."""

    before: int
    charges: int
    seconds: float


class Worker:
    """Charges the same way again and again."""

    def __init__(self, charge: Callable[[], int], seconds: float) -> None:
        self._charge = charge
        self._seconds = seconds
        self._before = sum(charge() for _ in range(WARM))

    def work(self) -> Done:
        """Charge for the time of the measurement, to the end of the last charge."""
        charges, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < self._seconds:
            charges += self._charge()
        return Done(self._before, charges, time.perf_counter() - begun)


def main(plan: Plan, numbers: Sequence[int]) -> None:
    """Warm these workers of the plan's, wait for the word, and charge."""
    charger = importlib.import_module(f"tests.benchmarks.charging.{plan.who}")

    def warmed(number: int) -> Worker:
        return Worker(charger.charges(plan, number), plan.seconds)

    with ThreadPoolExecutor(len(numbers)) as pool:
        workers = list(pool.map(warmed, numbers))
        print("ready", flush=True)  # noqa: T201 -- how it answers
        sys.stdin.readline()
        done = list(pool.map(Worker.work, workers))
    print(json.dumps(done), flush=True)  # noqa: T201 -- how it answers


if __name__ == "__main__":
    django.setup()
    asked = json.loads(sys.argv[1])
    main(Plan(**asked["plan"]), asked["numbers"])
