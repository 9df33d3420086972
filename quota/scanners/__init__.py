"""The scanner port and its adapters, and which of them look into an image."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from quota.scanners import trivy
from quota.scanners.builtin import BuiltinScanner
from quota.scanners.clamd import ClamdScanner
from quota.scanners.harbor import HarborScanner
from quota.scanners.http_api import Api, BadAddress
from quota.scanners.known_bad import BadRules
from quota.scanners.matching import AdvisoryLookup
from quota.scanners.port import Assessment, Category, Report, ScanFailed, Scanner
from quota.sources.content import ImageContent

NAMES = ("auto", "builtin", "trivy", "harbor")
Deadline = Callable[[], float]


class UnknownScanner(ValueError):
    """The setting names no scanner, or one that cannot be used here."""


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
        deadline: Deadline,
    ) -> Report:
        """Ask the first engine; ask the second for the categories left open."""
        report = self._first.scan(image, categories, deadline)
        done = {each.category for each in report.assessments if each.assessed}
        missing = categories - done
        if not missing:
            return report
        more = self._then.scan(image, frozenset(missing), deadline)
        kept = tuple(each for each in report.assessments if each.category in done)
        why = {each.category: each.note for each in report.assessments}
        told = (_with_note(each, why.get(each.category)) for each in more.assessments)
        return Report(report.findings + more.findings, (*kept, *told))


def _with_note(assessment: Assessment, note: str | None) -> Assessment:
    return replace(assessment, note=note) if note else assessment


class Beside:
    """One engine, and another that looks for the same beside it."""

    def __init__(self, first: Scanner, beside: Scanner) -> None:
        self.name = f"{first.name} beside {beside.name}"
        self._first, self._beside = first, beside

    def capabilities(self) -> frozenset[Category]:
        """What either can."""
        return self._first.capabilities() | self._beside.capabilities()

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Deadline,
    ) -> Report:
        """Ask both; each says for itself what it looked at."""
        report = self._first.scan(image, categories, deadline)
        both = categories & self._beside.capabilities()
        if not both:
            return report
        more = self._beside.scan(image, both, deadline)
        return Report(
            report.findings + more.findings, report.assessments + more.assessments
        )


class Missing:
    """Stands for an engine that cannot be used: every scan fails with the reason, and
    so gives back its quota."""

    name = "missing"

    def __init__(self, why: str) -> None:
        self._why = why

    def capabilities(self) -> frozenset[Category]:
        """All: it has to be asked, to say why not."""
        return frozenset(Category)

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Deadline,
    ) -> Report:
        """Refuse."""
        raise ScanFailed(f"{self._why} Tell whoever operates it, then scan again.")


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines an operator set up."""

    advisories: AdvisoryLookup
    trivy_path: str = ""
    extra_rules: Path | None = None
    harbor_url: str = ""
    harbor_headers: dict[str, str] = field(default_factory=dict, repr=False)
    clamd_socket: str = ""

    def chosen(self, name: str) -> Scanner:
        """The scanner of a setting: ``builtin``; ``trivy`` or ``harbor``, completed by
        builtin; ``auto``, which is Trivy where it is found. ClamAV looks for trojans
        beside each. Refuses (UnknownScanner) a name or an address that is none."""
        try:
            builtin = BuiltinScanner(self.advisories, self.extra_rules)
        except BadRules as error:
            raise UnknownScanner(str(error)) from error
        engine = self._engine(name)
        scanner: Scanner = Completed(engine, builtin) if engine else builtin
        if not self.clamd_socket:
            return scanner
        try:
            return Beside(scanner, ClamdScanner(self.clamd_socket))
        except BadAddress as error:
            raise UnknownScanner(f"CLAMD_SOCKET is no address. {error}") from error

    def usable(self, name: str) -> Scanner:
        """The scanner of a setting, or one that fails every scan with the reason."""
        try:
            return self.chosen(name)
        except UnknownScanner as error:
            return Missing(str(error))

    def _engine(self, name: str) -> Scanner | None:
        if name not in NAMES:
            raise UnknownScanner(f"SCANNER is {name}; it can be {', '.join(NAMES)}.")
        if name == "harbor":
            return self._harbor()
        program = trivy.found(self.trivy_path) if name != "builtin" else None
        if name == "trivy" and not program:
            raise UnknownScanner("SCANNER is trivy, but Trivy is not installed.")
        return trivy.TrivyScanner(program) if program else None

    def _harbor(self) -> Scanner:
        if not self.harbor_url:
            raise UnknownScanner(
                "SCANNER is harbor, but HARBOR_SCANNER_URL is not set."
            )
        try:
            return HarborScanner(Api(self.harbor_url, self.harbor_headers))
        except BadAddress as error:
            raise UnknownScanner(
                f"HARBOR_SCANNER_URL is no address. {error}"
            ) from error
