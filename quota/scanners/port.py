"""The scanner port, shaped like the pluggable scanner API: what an engine offers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from quota.sources.content import ImageContent


class Category(StrEnum):
    """A risk category: what can be looked for."""

    VULNERABILITIES = "vulnerabilities"
    TROJANS = "trojans"
    SENSITIVE_DATA = "sensitive_data"


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``evidence`` is always masked; ``advice`` is a repair plan."""

    category: Category
    severity: Severity
    identifier: str
    title: str
    package: str = ""
    version: str = ""
    fixed_version: str = ""
    path: str = ""
    layer: str = ""
    evidence: str = ""
    source: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an engine looked at for one category, with what data, and what not.

    ``note`` says why the engine that was meant to look left it to this one.
    """

    category: Category
    engine: str
    data_date: date | None
    covered: tuple[str, ...]
    not_assessed: tuple[str, ...]
    assessed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Findings, and for each category that was asked for an assessment of each engine
    that looked, or was meant to."""

    findings: tuple[Finding, ...]
    assessments: tuple[Assessment, ...]


class ScanFailed(Exception):
    """No result: ``str()`` is a sentence with a next step for the customer."""


class Scanner(Protocol):
    """An engine that looks into one image at a time."""

    name: str

    def capabilities(self) -> frozenset[Category]:
        """The categories it can assess at all."""
        ...

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        """Look into an image. ``deadline()`` is the seconds left; at 0 it gives up
        with ScanFailed."""
        ...
