"""The Trivy command line as a scanner, when it is installed."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from quota.scanners.port import (
    Assessment,
    Category,
    Finding,
    Report,
    ScanFailed,
    Severity,
)
from quota.scanners.secrets import masked
from quota.sources.content import ImageContent, SourceError

LARGEST_REPORT = 256 * 1024**2
CAN = frozenset({Category.VULNERABILITIES, Category.SENSITIVE_DATA})
NO_PACKAGES = "Trivy recognised no packages in this image"
WORDS = {Category.VULNERABILITIES: "vuln", Category.SENSITIVE_DATA: "secret"}


class TrivyScanner:
    """Runs ``trivy image`` on a layout of one image, without asking the network."""

    name = "trivy"

    def __init__(self, program: str) -> None:
        self._program = program

    def capabilities(self) -> frozenset[Category]:
        """Vulnerabilities and sensitive data; Trivy does not look for trojans."""
        return CAN

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        """Scan what Trivy can; without its database vulnerabilities are left out."""
        wanted = categories & CAN
        data_date = self._data_date()
        if data_date is None:
            wanted -= {Category.VULNERABILITIES}
        parsed = self._run(image, wanted, deadline) if wanted else {}
        findings = tuple(_findings(parsed))
        return Report(
            findings,
            tuple(
                self._assessment(category, category in wanted, data_date, parsed)
                for category in sorted(categories)
            ),
        )

    def _run(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="tcss-trivy-") as folder:
            layout, output = Path(folder) / "image", Path(folder) / "report.json"
            layout.mkdir()
            try:
                image.write_layout(layout)
            except SourceError as error:
                raise ScanFailed(str(error)) from error
            self._call(layout, output, categories, deadline())
            if output.stat().st_size > LARGEST_REPORT:
                raise ScanFailed(
                    "Trivy's report is larger than expected. Make the image smaller,"
                    " then scan it again."
                )
            return _parsed(output.read_bytes())

    def _call(
        self, layout: Path, output: Path, categories: frozenset[Category], left: float
    ) -> None:
        scanners = ",".join(WORDS[category] for category in sorted(categories))
        command = [
            self._program, "image", "--input", str(layout), "--format", "json",
            "--output", str(output), "--scanners", scanners, "--offline-scan",
            "--skip-db-update", "--skip-java-db-update", "--quiet",
        ]  # fmt: skip
        if Category.VULNERABILITIES not in categories:
            command.remove("--skip-db-update")
            command.remove("--skip-java-db-update")
        try:
            done = subprocess.run(  # noqa: S603 -- a program the operator installed
                command,
                capture_output=True,
                text=True,
                timeout=max(1, left),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ScanFailed(
                "The scan took longer than its time limit. Scan again with a longer"
                " one."
            ) from error
        if done.returncode or not output.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ScanFailed(
                f"Trivy could not read the image: {last[-160:]}. Pull it again, then"
                " scan it again."
            )

    def _data_date(self) -> date | None:
        try:
            done = subprocess.run(  # noqa: S603 -- as above
                [self._program, "version", "--format", "json"],
                capture_output=True,
                timeout=30,
                check=False,
            )
            database = json.loads(done.stdout).get("VulnerabilityDB") or {}
            return datetime.fromisoformat(str(database["UpdatedAt"])[:19]).date()
        except (subprocess.TimeoutExpired, ValueError, KeyError, AttributeError):
            return None

    def _assessment(
        self,
        category: Category,
        asked: bool,
        data_date: date | None,
        parsed: Mapping[str, Any],
    ) -> Assessment:
        """Vulnerabilities count as assessed only where Trivy recognised packages."""
        covered: tuple[str, ...] = ()
        if asked and category is Category.VULNERABILITIES:
            covered = tuple(sorted(set(_package_kinds(parsed))))
        elif asked:
            covered = ("Text files",)
        left = "What Trivy has no rule or advisory for"
        if not covered:
            left = NO_PACKAGES if asked else _why_not(category)
        return Assessment(
            category=category,
            engine="Trivy",
            data_date=data_date if category is Category.VULNERABILITIES else None,
            covered=covered,
            not_assessed=(left,),
            assessed=bool(covered),
        )


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ScanFailed("Trivy's report cannot be read. Scan again.") from error
    return parsed if isinstance(parsed, dict) else {}


def _package_kinds(parsed: Mapping[str, Any]) -> Iterator[str]:
    for result in parsed.get("Results") or []:
        if result.get("Class") in {"os-pkgs", "lang-pkgs"}:
            yield f"{result.get('Type', 'unknown')} packages"


def _why_not(category: Category) -> str:
    if category is Category.TROJANS:
        return "Trivy does not look for trojans"
    return "Trivy has no vulnerability database on this machine"


def _findings(parsed: Mapping[str, Any]) -> Iterator[Finding]:
    for result in parsed.get("Results") or []:
        target = str(result.get("Target", ""))
        for row in result.get("Vulnerabilities") or []:
            yield _vulnerability(row, target)
        for row in result.get("Secrets") or []:
            yield _secret(row, target)


def _severity(row: Mapping[str, Any]) -> Severity:
    word = str(row.get("Severity", "")).lower()
    return Severity(word) if word in set(Severity) else Severity.UNKNOWN


def _vulnerability(row: Mapping[str, Any], target: str) -> Finding:
    name, fixed = str(row.get("PkgName", "")), str(row.get("FixedVersion", ""))
    return Finding(
        category=Category.VULNERABILITIES,
        severity=_severity(row),
        identifier=str(row.get("VulnerabilityID", "")),
        title=str(row.get("Title", "")),
        package=name,
        version=str(row.get("InstalledVersion", "")),
        fixed_version=fixed,
        path=str(row.get("PkgPath") or target),
        source=str((row.get("DataSource") or {}).get("Name", "Trivy")),
        advice=(
            f"Upgrade {name} to {fixed}, then rebuild the image."
            if fixed
            else f"No fixed version is known. Remove {name} if unused."
        ),
    )


def _secret(row: Mapping[str, Any], target: str) -> Finding:
    return Finding(
        category=Category.SENSITIVE_DATA,
        severity=_severity(row),
        identifier=str(row.get("RuleID", "")),
        title=f"{row.get('Title', 'Secret')} in line {row.get('StartLine', 0)}",
        path=target,
        evidence=masked(str(row.get("Match", "")).lstrip()),
        source="Trivy",
        advice=f"Revoke it and issue a new one, then remove it from {target}.",
    )


def found(path: str) -> str | None:
    """Where Trivy is: at the configured path, else on the search path."""
    return shutil.which(path or "trivy")
