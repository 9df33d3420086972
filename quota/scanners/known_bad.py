"""Known-bad files: by hash and by byte pattern, from rules an operator can extend."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from quota.scanners.filesystem import File
from quota.scanners.port import Category, Finding, Severity
from quota.scanners.reports import removal_plan

SHIPPED = files("quota") / "data" / "known_bad.toml"


class BadRules(Exception):
    """The operator's rule file cannot be used; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """One rule: a SHA-256 of the whole file, or bytes it contains."""

    name: str
    severity: Severity
    sha256: str
    pattern: bytes


@dataclass(frozen=True, slots=True)
class KnownBad:
    """All rules, with the date of the newest set."""

    dated: date
    hashes: dict[str, BadFile]
    patterns: Sequence[BadFile]

    def findings(self, file: File) -> Iterator[Finding]:
        """The rules that one file meets."""
        if rule := self.hashes.get(file.sha256):
            yield _finding(rule, file)
        for rule in self.patterns:
            if rule.pattern in file.content:
                yield _finding(rule, file)


def load(extra: Path | None) -> KnownBad:
    """Read the shipped rules, and the operator's beside them."""
    sets = [tomllib.loads(SHIPPED.read_text())]
    if extra:
        try:
            sets.append(tomllib.loads(extra.read_text()))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise BadRules(f"{extra} cannot be used as rules: {error}") from error
    rules = [_rule(each) for rules in sets for each in rules.get("file", [])]
    return KnownBad(
        dated=max(rules["dated"] for rules in sets if "dated" in rules),
        hashes={rule.sha256: rule for rule in rules if rule.sha256},
        patterns=[rule for rule in rules if rule.pattern],
    )


def _rule(row: dict[str, Any]) -> BadFile:
    """A pattern is written in parts, so that the rule file is not itself one."""
    try:
        return BadFile(
            name=str(row["name"]),
            severity=Severity(row.get("severity", "critical")),
            sha256=str(row.get("sha256", "")).lower(),
            pattern="".join(row.get("contains", [])).encode("latin-1"),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadRules(f"A rule for known-bad files is not complete: {row}") from error


def _finding(rule: BadFile, file: File) -> Finding:
    return Finding(
        category=Category.TROJANS,
        severity=rule.severity,
        identifier=rule.name,
        title=f"{rule.name} in {file.path}",
        path=file.path,
        layer=file.layer,
        evidence=f"SHA-256 {file.sha256[:12]}",
        source="known-bad files",
        advice=removal_plan(file.path, file.layer),
    )
