"""The scanner that needs nothing installed, and is honest about what it did not see."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quota.scanners import known_bad, packages
from quota.scanners.filesystem import File, Limits, merged
from quota.scanners.matching import (
    AdvisoryLookup,
    Affected,
    Held,
    UnreadableVersion,
    is_affected,
)
from quota.scanners.packages import Package, Release
from quota.scanners.port import Assessment, Category, Finding, Report, ScanFailed
from quota.scanners.reports import upgrade_plan
from quota.scanners.secrets import secrets
from quota.sources.content import ImageContent

ENGINE = "builtin 1.0"
ALL = frozenset(Category)


@dataclass(slots=True)
class _Seen:
    """What one walk through the files brought."""

    files: int = 0
    cut: int = 0
    release: Release | None = None
    packages: list[Package] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


class BuiltinScanner:
    """Package lists against stored advisories, secrets, and known-bad files."""

    name = "builtin"

    def __init__(
        self,
        advisories: AdvisoryLookup,
        extra_rules: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._advisories = advisories
        self._bad = known_bad.load(extra_rules)
        self._limits = limits or Limits()

    def capabilities(self) -> frozenset[Category]:
        """All three."""
        return ALL

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        """Walk the image's files once and assess what was asked for."""
        seen = _Seen()
        for file in merged(image.layers, deadline, self._limits):
            self._look(file, categories, seen)
        if not seen.files:
            raise ScanFailed(
                "The image has no files, so nothing could be assessed. Build it again."
            )
        assessments: list[Assessment] = []
        if Category.VULNERABILITIES in categories:
            assessments.append(self._vulnerabilities(seen))
        if Category.TROJANS in categories:
            assessments.append(self._trojans(seen))
        if Category.SENSITIVE_DATA in categories:
            assessments.append(_sensitive_data(seen))
        return Report(tuple(seen.findings), tuple(assessments))

    def _look(self, file: File, categories: frozenset[Category], seen: _Seen) -> None:
        seen.files += 1
        seen.cut += len(file.content) < file.size
        if Category.VULNERABILITIES in categories:
            seen.release = packages.release(file) or seen.release
            seen.packages.extend(packages.packages(file))
            if kind := packages.unread_kind(file):
                seen.unread[kind] += 1
        if Category.TROJANS in categories:
            seen.findings.extend(self._bad.findings(file))
        if Category.SENSITIVE_DATA in categories:
            seen.findings.extend(secrets(file))

    def _vulnerabilities(self, seen: _Seen) -> Assessment:
        found = _by_ecosystem(seen)
        holdings = self._advisories.holdings(found.keys())
        names = {
            ecosystem: frozenset(package.source for package in listed)
            for ecosystem, listed in found.items()
        }
        affecting = self._advisories.affecting(names)
        unreadable = 0
        for ecosystem, listed in found.items():
            for package in listed:
                ranges = affecting.get((ecosystem, package.source), ())
                findings, unordered = _matches(package, ecosystem, ranges)
                seen.findings.extend(findings)
                unreadable += unordered
        covered, left = _coverage(found, holdings, affecting, seen)
        if unreadable:
            left.append(f"{unreadable} packages whose version cannot be compared")
        return Assessment(
            category=Category.VULNERABILITIES,
            engine=ENGINE,
            data_date=min((held.data_date for held in holdings.values()), default=None),
            covered=tuple(covered),
            not_assessed=tuple(left),
            assessed=bool(covered),
        )

    def _trojans(self, seen: _Seen) -> Assessment:
        rules = len(self._bad.hashes) + len(self._bad.patterns)
        left = ["Viruses and trojans that no rule names"]
        if seen.cut:
            megabytes = self._limits.kept // 1024**2
            left.append(
                f"What {seen.cut:,} files contain after their first {megabytes} MB"
            )
        return Assessment(
            category=Category.TROJANS,
            engine=ENGINE,
            data_date=self._bad.dated,
            covered=(
                f"{seen.files:,} files against {rules} rules for known-bad files",
            ),
            not_assessed=tuple(left),
            assessed=True,
        )


def _sensitive_data(seen: _Seen) -> Assessment:
    return Assessment(
        category=Category.SENSITIVE_DATA,
        engine=ENGINE,
        data_date=None,
        covered=(f"Text files of up to 2 MB among {seen.files:,} files",),
        not_assessed=(
            "Binary files, and values that match no rule",
            "Folders of tests and documentation",
            "Files that a later layer removes or replaces",
            "The image's environment variables",
        ),
        assessed=True,
    )


def _by_ecosystem(seen: _Seen) -> dict[str, list[Package]]:
    distribution = seen.release.ecosystem if seen.release else "unknown distribution"
    found: dict[str, list[Package]] = {}
    for package in seen.packages:
        of_distribution = package.ecosystem in {"dpkg", "apk"}
        ecosystem = distribution if of_distribution else package.ecosystem
        found.setdefault(ecosystem, []).append(package)
    return found


def _coverage(
    found: dict[str, list[Package]],
    holdings: Mapping[str, Held],
    affecting: Mapping[tuple[str, str], Sequence[Affected]],
    seen: _Seen,
) -> tuple[list[str], list[str]]:
    """What was compared with advisories, and what was not, in words."""
    covered, left = [], []
    for ecosystem, listed in sorted(found.items()):
        count = len(listed)
        if not (held := holdings.get(ecosystem)):
            left.append(f"{count} packages of {ecosystem}: no advisories are loaded")
            continue
        named = sum((ecosystem, package.source) in affecting for package in listed)
        covered.append(f"{named} of {count} packages of {ecosystem}")
        if named < count:
            left.append(f"{count - named} packages of {ecosystem} no advisory names")
        if held.is_starter_set:
            left.append(
                f"All but the facts of the starter set for {ecosystem}; load current"
                " advisories"
            )
    left += [f"{kind} ({count})" for kind, count in sorted(seen.unread.items())]
    if seen.packages:
        left.append("Programs that no package list names")
    else:
        left.append("No package list was found")
    return covered, left


def _matches(
    package: Package, ecosystem: str, ranges: Sequence[Affected]
) -> tuple[list[Finding], int]:
    findings: dict[str, Finding] = {}
    unordered = 0
    for affected in ranges:
        try:
            if is_affected(package, ecosystem, affected):
                findings[affected.identifier] = _finding(package, affected)
        except UnreadableVersion:
            unordered = 1
    return list(findings.values()), unordered


def _finding(package: Package, affected: Affected) -> Finding:
    return Finding(
        category=Category.VULNERABILITIES,
        severity=affected.severity,
        identifier=affected.identifier,
        title=affected.summary,
        package=package.name,
        version=package.version,
        fixed_version=affected.fixed,
        path=package.path,
        layer=package.layer,
        source=affected.source,
        advice=upgrade_plan(
            package.name, package.version, affected.fixed, package.layer
        ),
    )
