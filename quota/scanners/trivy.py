"""The Trivy command line as a scanner, when it is installed."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

from quota.scanners.port import Assessment, Category, Finding, Report, ScanFailed
from quota.scanners.reports import (
    LARGEST_REPORT,
    Json,
    document,
    layer_labels,
    objects,
    one_line,
    part,
    severity_of,
    upgrade_plan,
)
from quota.scanners.secrets import masked
from quota.sources.content import ImageContent, SourceError

CAN = frozenset({Category.VULNERABILITIES, Category.SENSITIVE_DATA})
NO_PACKAGES = "Trivy recognised no packages in this image"
NO_DATABASE = "Trivy has no vulnerability database on this machine"
NO_TROJANS = "Trivy does not look for trojans"
WORDS = {Category.VULNERABILITIES: "vuln", Category.SENSITIVE_DATA: "secret"}
# A program that reads strangers' images is told no password of ours.
TOLD = ("PATH", "HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
Deadline = Callable[[], float]


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
        deadline: Deadline,
    ) -> Report:
        """Scan what Trivy can; without its database vulnerabilities are left out."""
        wanted = categories & CAN
        data_date = self._data_date()
        if data_date is None:
            wanted -= {Category.VULNERABILITIES}
        parsed = self._run(image, wanted, deadline) if wanted else {}
        findings = tuple(_findings(parsed, layer_labels(image)))
        return Report(
            findings,
            tuple(
                _assessment(category, category in wanted, data_date, parsed)
                for category in sorted(categories)
            ),
        )

    def _run(
        self, image: ImageContent, categories: frozenset[Category], deadline: Deadline
    ) -> Json:
        with tempfile.TemporaryDirectory(prefix="tcss-trivy-") as name:
            folder = Path(name)
            (folder / "image").mkdir()
            try:
                image.write_layout(folder / "image")
            except SourceError as error:
                raise ScanFailed(str(error)) from error
            self._call(folder, categories, max(1, int(deadline())))
            output = folder / "report.json"
            if output.stat().st_size > LARGEST_REPORT:
                raise ScanFailed(
                    "Trivy's report is larger than expected. Make the image smaller,"
                    " then scan it again."
                )
            return document(output.read_bytes())

    def _call(
        self, folder: Path, categories: frozenset[Category], seconds: int
    ) -> None:
        said = folder / "said.txt"
        with said.open("wb") as stderr:
            try:
                done = subprocess.run(  # noqa: S603 -- a program the operator installed
                    self._command(categories, seconds),
                    # Not where somebody's trivy.yaml or .trivyignore may lie.
                    cwd=folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise ScanFailed(
                    "The scan took longer than its time limit. Scan again with a longer"
                    " one."
                ) from error
        if done.returncode or not (folder / "report.json").exists():
            raise ScanFailed(
                f"Trivy could not read the image: {_last_words(said)}. Pull it again,"
                " then scan it again."
            )

    def _command(self, categories: frozenset[Category], seconds: int) -> list[str]:
        """Its own time limit is five minutes, and its cache on disk is for one process
        at a time: both would fail scans for no reason of theirs."""
        command = [
            self._program, "image", "--input", "image", "--format", "json",
            "--output", "report.json", "--quiet", "--offline-scan",
            "--scanners", ",".join(WORDS[each] for each in sorted(categories)),
            "--timeout", f"{seconds}s", "--cache-backend", "memory",
        ]  # fmt: skip
        if Category.VULNERABILITIES in categories:
            command += ["--skip-db-update", "--skip-java-db-update"]
        return command

    def _data_date(self) -> date | None:
        try:
            done = subprocess.run(  # noqa: S603 -- as above
                [self._program, "version", "--format", "json"],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
            database = json.loads(done.stdout).get("VulnerabilityDB") or {}
            return datetime.fromisoformat(str(database["UpdatedAt"])[:19]).date()
        except (subprocess.TimeoutExpired, ValueError, KeyError, AttributeError):
            return None


def _environment() -> Mapping[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in TOLD or name.startswith("TRIVY_")
    }


def _last_words(said: Path) -> str:
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - 2_000))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    words = one_line(lines[-1], 2_000) if lines else ""
    return words[-160:].rstrip(".") or "it said nothing"


def _assessment(
    category: Category, asked: bool, data_date: date | None, parsed: Json
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
        note="" if covered or left == NO_TROJANS else left,
    )


def _package_kinds(parsed: Json) -> Iterator[str]:
    for result in objects(parsed, "Results"):
        if result.get("Class") in {"os-pkgs", "lang-pkgs"}:
            yield f"{one_line(result.get('Type'), 40) or 'unknown'} packages"


def _why_not(category: Category) -> str:
    return NO_TROJANS if category is Category.TROJANS else NO_DATABASE


def _findings(parsed: Json, labels: Mapping[str, str]) -> Iterator[Finding]:
    for result in objects(parsed, "Results"):
        # Of packages of the distribution it names the image, which is no path in it.
        is_file = result.get("Class") != "os-pkgs"
        target = one_line(result.get("Target"), 1_000) if is_file else ""
        for row in objects(result, "Vulnerabilities"):
            yield _vulnerability(row, target, labels)
        for row in objects(result, "Secrets"):
            yield _secret(row, target, labels)


def _layer(row: Json, labels: Mapping[str, str]) -> str:
    return labels.get(str(part(row, "Layer").get("DiffID")), "")


def _vulnerability(row: Json, target: str, labels: Mapping[str, str]) -> Finding:
    name, version = one_line(row.get("PkgName"), 200), row.get("InstalledVersion")
    held, fixed = one_line(version, 200), one_line(row.get("FixedVersion"), 200)
    layer = _layer(row, labels)
    return Finding(
        category=Category.VULNERABILITIES,
        severity=severity_of(row.get("Severity")),
        identifier=one_line(row.get("VulnerabilityID"), 200),
        title=one_line(row.get("Title"), 300),
        package=name,
        version=held,
        fixed_version=fixed,
        path=one_line(row.get("PkgPath"), 1_000) or target,
        layer=layer,
        source=one_line(part(row, "DataSource").get("Name"), 200) or "Trivy",
        advice=upgrade_plan(name, held, fixed, layer),
    )


def _secret(row: Json, target: str, labels: Mapping[str, str]) -> Finding:
    line, layer = row.get("StartLine"), _layer(row, labels)
    place = f" in line {line}" if isinstance(line, int) else ""
    return Finding(
        category=Category.SENSITIVE_DATA,
        severity=severity_of(row.get("Severity")),
        identifier=one_line(row.get("RuleID"), 200),
        title=f"{one_line(row.get('Title'), 200) or 'Secret'}{place}",
        path=target,
        layer=layer,
        evidence=masked(one_line(row.get("Match"), 200)),
        source="Trivy",
        advice=f"Revoke it and issue a new one, then remove it from {target}.",
    )


def found(path: str) -> str | None:
    """Where Trivy is: at the configured path, else on the search path."""
    return shutil.which(path or "trivy")
