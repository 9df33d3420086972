"""Whether a version lies in an advisory's affected range, as its ecosystem orders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from univers.versions import (
    AlpineLinuxVersion,
    DebianVersion,
    InvalidVersion,
    PypiVersion,
    SemverVersion,
    Version,
)

from quota.scanners.packages import Package
from quota.scanners.port import Severity

SCHEMES: Mapping[str, type[Version]] = {
    "Debian": DebianVersion,
    "Ubuntu": DebianVersion,
    "Alpine": AlpineLinuxVersion,
    "PyPI": PypiVersion,
    "npm": SemverVersion,
}


@dataclass(frozen=True, slots=True)
class Affected:
    """One affected range of a package, as stored."""

    ecosystem: str
    package: str
    identifier: str
    introduced: str
    fixed: str
    last_affected: str
    versions: tuple[str, ...]
    severity: Severity
    summary: str
    source: str


@dataclass(frozen=True, slots=True)
class Held:
    """What an advisory store holds of one ecosystem, and of when."""

    data_date: date
    is_starter_set: bool


class AdvisoryLookup(Protocol):
    """The advisory store, as a scanner asks it."""

    def holdings(self, ecosystems: Collection[str]) -> Mapping[str, Held]:
        """What the store holds of these ecosystems; one it lacks is left out."""
        ...

    def affecting(
        self, names: Mapping[str, frozenset[str]]
    ) -> Mapping[tuple[str, str], Sequence[Affected]]:
        """All ranges for these packages by ecosystem, in one look."""
        ...


class UnreadableVersion(ValueError):
    """A version that its ecosystem's order does not know."""


def parsed(ecosystem: str, text: str) -> Version:
    """Parse a version. Refuses (UnreadableVersion) what cannot be ordered."""
    scheme = SCHEMES.get(ecosystem.partition(":")[0])
    if scheme is None:
        raise UnreadableVersion(f"{ecosystem} has no known order of versions.")
    try:
        return scheme(text)
    except (InvalidVersion, ValueError, TypeError, AttributeError) as error:
        raise UnreadableVersion(f"{text} is not a version of {ecosystem}.") from error


def is_affected(package: Package, ecosystem: str, affected: Affected) -> bool:
    """Say whether a package lies in a range. Refuses what cannot be ordered."""
    if package.version in affected.versions:
        return True
    if not (affected.introduced or affected.fixed or affected.last_affected):
        return not affected.versions
    version = parsed(ecosystem, package.version)
    begun = affected.introduced in {"", "0"} or version >= parsed(
        ecosystem, affected.introduced
    )
    if not begun:
        return False
    if affected.fixed:
        return bool(version < parsed(ecosystem, affected.fixed))
    if affected.last_affected:
        return bool(version <= parsed(ecosystem, affected.last_affected))
    return True
