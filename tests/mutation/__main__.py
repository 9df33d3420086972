"""Mutate the areas named, or all of them, and tell what the tests did not notice.

Survivors that ``explained.toml`` gives a reason for count as explained. The exit status
is 1 if any other mutant survived or was reached by no test.
"""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.areas import AREAS
from tests.mutation.plugin import KILLED, SURVIVED, TIMED_OUT, UNREACHED

OUTCOMES = Path("build", "mutation")
EXPLAINED = Path(__file__).with_name("explained.toml")


def main(names: Sequence[str]) -> int:
    """Try the areas one after the other."""
    for name in names or AREAS:
        modules, tests = AREAS[name]
        command = [sys.executable, "-m", "pytest", "-n0", "-p", "tests.mutation.plugin"]
        command += [f"--outcomes={OUTCOMES / name}.jsonl"]
        command += [f"--mutate={module}" for module in modules]
        if code := subprocess.run([*command, *tests], check=False).returncode:
            return code
    return report(names or list(AREAS))


def report(names: Sequence[str]) -> int:
    """Print the counts of each area and each mutant nobody noticed."""
    reasons = tomllib.loads(EXPLAINED.read_text())
    explained = {each for why in reasons["explained"] for each in why["mutants"]}
    left: list[str] = []
    for name in names:
        lines = (OUTCOMES / f"{name}.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        counts = Counter(each["outcome"] for each in found)
        missed = [e["mutant"] for e in found if e["outcome"] in {SURVIVED, UNREACHED}]
        known = [each for each in missed if each in explained]
        left += [each for each in missed if each not in explained]
        sys.stdout.write(
            f"{name}: {len(found)} mutants, {counts[KILLED]} killed,"
            f" {counts[TIMED_OUT]} timed out, {len(known)} explained,"
            f" {len(missed) - len(known)} left\n"
        )
    sys.stdout.writelines(f"  {each}\n" for each in left)
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
