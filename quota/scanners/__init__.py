"""The scanner port and its adapters."""

from collections.abc import Callable
from pathlib import Path

from quota.scanners import trivy
from quota.scanners.builtin import BuiltinScanner
from quota.scanners.matching import AdvisoryLookup
from quota.scanners.port import Category, Report, Scanner
from quota.sources.content import ImageContent

NAMES = ("auto", "builtin", "trivy")


class UnknownScanner(ValueError):
    """The setting names no scanner, or one that is not installed."""


class Completed:
    """One engine, completed by another for what the first did not assess."""

    def __init__(self, first: Scanner, then: Scanner) -> None:
        self.name = f"{first.name} and {then.name}"
        self._first, self._then = first, then

    def capabilities(self) -> frozenset[Category]:
        """What either can."""
        return self._first.capabilities() | self._then.capabilities()

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        """Ask the first engine; ask the second for the categories left open."""
        report = self._first.scan(image, categories, deadline)
        done = {each.category for each in report.assessments if each.assessed}
        missing = categories - done
        if not missing:
            return report
        more = self._then.scan(image, frozenset(missing), deadline)
        kept = tuple(each for each in report.assessments if each.category in done)
        return Report(report.findings + more.findings, kept + more.assessments)


def chosen(
    name: str,
    *,
    advisories: AdvisoryLookup,
    trivy_path: str = "",
    extra_rules: Path | None = None,
) -> Scanner:
    """Return the scanner of a setting: ``builtin``; ``trivy`` completed by builtin;
    ``auto``, which is Trivy where it is found. Refuses any other name."""
    builtin = BuiltinScanner(advisories, extra_rules)
    if name not in NAMES:
        raise UnknownScanner(f"SCANNER is {name}; it can be {', '.join(NAMES)}.")
    program = trivy.found(trivy_path) if name != "builtin" else None
    if program:
        return Completed(trivy.TrivyScanner(program), builtin)
    if name == "trivy":
        raise UnknownScanner("SCANNER is trivy, but Trivy is not installed.")
    return builtin
