"""Run the battery: ``python -m tests.faults --minutes 5``."""

import argparse
import importlib
import sys
import time
from pathlib import Path

from tests.faults.ground import ground


def main() -> int:
    """Returns 0 if every claim holds and the control was seen to fail."""
    asked = _arguments()
    began = time.monotonic()
    with ground(tables=asked.tables, pooled=asked.pooled) as prepared:
        # Only now is it known which database the models speak to.
        battery = importlib.import_module("tests.faults.battery")
        ready = time.monotonic()
        seconds = asked.minutes * 60 or asked.seconds
        scale = battery.Scale(seconds, asked.workers, asked.seed, asked.calm)
        passed = battery.Battery(prepared, scale).tell(_say)
        _say(
            f"ready in {ready - began:.1f} s, over in {time.monotonic() - began:.1f} s"
        )
    return 0 if passed else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--tables", type=Path, help="a dump of the empty tables")
    parser.add_argument(
        "--calm",
        action="store_true",
        help="no faults: dump, restore and follow the server under load",
    )
    parser.add_argument("--pooled", action="store_true", help="go through PgBouncer")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
