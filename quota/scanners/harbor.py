"""Any scanner that speaks Harbor's pluggable scanner API (1.0 to 1.2).

The engine pulls the image from its registry by itself. What it answers is untrusted:
bounded, made printable, and checked to be about the image that was asked for.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from quota.scanners.http_api import Answer, Api, Unanswered
from quota.scanners.port import Assessment, Category, Finding, Report, ScanFailed
from quota.scanners.reports import (
    Json,
    document,
    layer_labels,
    objects,
    one_line,
    part,
    severity_of,
    upgrade_plan,
)
from quota.sources.content import ImageContent, Pull, Pullable, SourceError

CAN = frozenset({Category.VULNERABILITIES})
ADAPTER = "application/vnd.scanner.adapter"
# Newest first; both are the same document.
REPORTS = (
    "application/vnd.security.vulnerability.report; version=1.1",
    f"{ADAPTER}.vuln.report.harbor+json; version=1.0",
)
UPDATED_AT = "harbor.scanner-adapter/vulnerability-database-updated-at"
SCAN_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")
SHORTEST_WAIT, USUAL_WAIT, LONGEST_WAIT = 0.2, 2.0, 30.0
NOT_PULLABLE = "This image is in no registry, from which the engine could pull it"
Deadline = Callable[[], float]


@dataclass(frozen=True, slots=True)
class About:
    """What an engine says of itself."""

    name: str
    data_date: date | None
    capabilities: Sequence[Json]

    def reports_on(self, media_type: str) -> str:
        """The newest report it makes of such an image; empty if it makes none."""
        for report in REPORTS:
            if any(_makes(each, media_type, report) for each in self.capabilities):
                return report
        return ""


def _makes(capability: Json, media_type: str, report: str) -> bool:
    return (
        capability.get("type") in {None, "", "vulnerability"}
        and _type(media_type) in _types(capability, "consumes")
        and _type(report) in _types(capability, "produces")
    )


class HarborScanner:
    """Asks the engine at the address the operator set, and no other."""

    name = "harbor"

    def __init__(self, api: Api) -> None:
        self._api = api

    def capabilities(self) -> frozenset[Category]:
        """Vulnerabilities: the API has no report of anything else we look for."""
        return CAN

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Deadline,
    ) -> Report:
        """Have the engine pull and scan the image, and wait for its report."""
        if Category.VULNERABILITIES not in categories:
            return Report((), _left_open(categories, "The engine", ""))
        if not isinstance(image, Pullable):
            return Report((), _left_open(categories, "The engine", NOT_PULLABLE))
        about = self._about(deadline)
        pull = _pull(image)
        kind = about.reports_on(pull.media_type)
        if not kind:
            why = f"{about.name} makes no vulnerability report of such an image"
            return Report((), _left_open(categories, about.name, why))
        report = self._report(self._ask_for_scan(pull, kind, deadline), kind, deadline)
        _check_subject(report, pull)
        rest = _left_open(categories - CAN, about.name, "")
        findings = tuple(_findings(report, about, layer_labels(image)))
        return Report(findings, (_assessment(about), *rest))

    def _about(self, deadline: Deadline) -> About:
        kind = f"{ADAPTER}.metadata+json; version"
        accept = f"{kind}=1.1, {kind}=1.0"
        answer = self._ask("GET", "/metadata", deadline, {"Accept": accept})
        found = document(_expected(answer, 200))
        scanner, properties = part(found, "scanner"), part(found, "properties")
        words = (one_line(scanner.get(key), 60) for key in ("name", "version"))
        return About(
            name=" ".join(filter(None, words)) or "The engine",
            data_date=_day(properties.get(UPDATED_AT)),
            capabilities=objects(found, "capabilities"),
        )

    def _ask_for_scan(self, pull: Pull, kind: str, deadline: Deadline) -> str:
        request = {
            "registry": {"url": pull.url, "authorization": pull.authorization},
            "artifact": {
                "repository": pull.repository,
                "digest": pull.digest,
                "mime_type": pull.media_type,
            },
            "enabled_capabilities": [
                {"type": "vulnerability", "produces_mime_types": [kind]}
            ],
        }
        headers = {
            "Accept": f"{ADAPTER}.scan.response+json; version=1.0",
            "Content-Type": f"{ADAPTER}.scan.request+json; version=1.0",
        }
        body = json.dumps(request).encode()
        answer = self._ask("POST", "/scan", deadline, headers, body)
        number = document(_expected(answer, 202)).get("id")
        if not isinstance(number, str) or not SCAN_ID.fullmatch(number):
            raise ScanFailed("The engine named no scan to wait for. Scan again.")
        return number

    def _report(self, number: str, kind: str, deadline: Deadline) -> Json:
        """Ask until it is there. Where a 302 points to is not looked at."""
        while True:
            headers = {"Accept": kind}
            answer = self._ask("GET", f"/scan/{number}/report", deadline, headers)
            if answer.status != 302:
                return document(_expected(answer, 200))
            wait = _wait(answer.headers.get("refresh-after", ""))
            if wait >= deadline():
                raise ScanFailed(
                    "The engine did not finish within the time limit. Scan again with a"
                    " longer one."
                )
            time.sleep(wait)

    def _ask(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        try:
            return self._api.ask(
                method,
                f"/api/v1{path}",
                deadline=deadline,
                headers=headers,
                body=body,
            )
        except Unanswered as error:
            raise ScanFailed(
                f"The scan engine could not be used: {error}. Tell whoever operates it,"
                " then scan again."
            ) from error


def _pull(image: Pullable) -> Pull:
    try:
        return image.pull()
    except SourceError as error:
        raise ScanFailed(str(error)) from error


def _expected(answer: Answer, status: int) -> bytes:
    """The body of the answer that was hoped for. Else what the engine says is wrong."""
    if answer.status == status:
        return answer.body
    try:
        stated = part(document(answer.body), "error").get("message")
    except ScanFailed:
        stated = None
    words = one_line(stated, 160).rstrip(".")
    said = f"The scan engine answered {answer.status}" + (f": {words}" if words else "")
    raise ScanFailed(f"{said}. Scan again; if it stays so, tell whoever operates it.")


def _type(written: object) -> str:
    return str(written).replace(" ", "").lower()


def _types(capability: Json, verb: str) -> frozenset[str]:
    found = capability.get(f"{verb}_mime_types")
    return frozenset(map(_type, found)) if isinstance(found, list) else frozenset()


def _wait(written: str) -> float:
    seconds = int(written) if written.isascii() and written.isdecimal() else USUAL_WAIT
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)


def _day(written: object) -> date | None:
    try:
        return datetime.fromisoformat(str(written)[:19]).date()
    except ValueError:
        return None


def _check_subject(report: Json, pull: Pull) -> None:
    digest = part(report, "artifact").get("digest", pull.digest)
    if digest != pull.digest:
        raise ScanFailed("The engine reported on another image. Scan again.")
    if not isinstance(report.get("vulnerabilities", ...), list | None):
        raise ScanFailed("The engine's report lists no vulnerabilities. Scan again.")


def _findings(
    report: Json, about: About, labels: Mapping[str, str]
) -> Iterator[Finding]:
    seen = set()
    for row in objects(report, "vulnerabilities"):
        finding = _finding(row, about, labels)
        if finding.identifier and finding not in seen:
            seen.add(finding)
            yield finding


def _finding(row: Json, about: About, labels: Mapping[str, str]) -> Finding:
    package, version = (
        one_line(row.get("package"), 200),
        one_line(row.get("version"), 200),
    )
    fixed, layer = one_line(row.get("fix_version"), 200), part(row, "layer")
    label = labels.get(str(layer.get("diff_id") or layer.get("digest")), "")
    return Finding(
        category=Category.VULNERABILITIES,
        severity=severity_of(row.get("severity")),
        identifier=one_line(row.get("id"), 200),
        title=one_line(row.get("description"), 300),
        package=package,
        version=version,
        fixed_version=fixed,
        layer=label,
        source=about.name,
        advice=upgrade_plan(package, version, fixed, label),
    )


def _assessment(about: About) -> Assessment:
    return Assessment(
        category=Category.VULNERABILITIES,
        engine=about.name,
        data_date=about.data_date,
        covered=(f"The packages that {about.name} recognises",),
        not_assessed=(
            f"What {about.name} has no advisory for",
            "Which packages it read is not in its report",
        ),
        assessed=True,
    )


def _left_open(
    categories: frozenset[Category], engine: str, note: str
) -> tuple[Assessment, ...]:
    """What is left to another engine; ``note`` says why vulnerabilities are."""
    notes = {Category.VULNERABILITIES: note}
    return tuple(
        Assessment(
            category=category,
            engine=engine,
            data_date=None,
            covered=(),
            not_assessed=(notes.get(category) or f"{engine} does not look for it",),
            assessed=False,
            note=notes.get(category, ""),
        )
        for category in sorted(categories)
    )
