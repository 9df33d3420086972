"""The advisory store: filled from OSV exports or the starter set, asked by scanners."""

import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q

from quota.models import Advisory
from quota.scanners.matching import Affected, Holdings
from quota.scanners.port import Severity
from quota.scanners.severity import severity_of

STARTER = files("quota") / "data" / "starter_advisories.tsv"
STARTER_DATE = date(2026, 11, 24)
EXPORT = "https://osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip"
LARGEST_EXPORT = 2 * 1024**3
LARGEST_DOCUMENT = 16 * 1024**2
BATCH = 2_000
MOST_VERSIONS = 2_000
DEBIAN = re.compile(r"^(Debian:\d+|Ubuntu:[\d.]+|Alpine:v[\d.]+|PyPI|npm)$")


class AdvisoriesUnavailable(Exception):
    """Advisories cannot be read; ``str()`` says what to do."""


@dataclass(slots=True)
class Figures:
    """What a sync came to."""

    documents: int = 0
    ranges: int = 0
    withdrawn: int = 0
    broken: list[str] = field(default_factory=list)


class StoredAdvisories:
    """The advisory lookup of the scanners, over the stored rows."""

    def holdings(self) -> Holdings:
        """What the store holds; asked once a scan."""
        rows = Advisory.objects.order_by()
        facts = rows.values_list("ecosystem").annotate(Count("pk"))
        return Holdings(
            data_date=rows.aggregate(newest=Max("modified_on"))["newest"],
            facts=dict(facts),
            is_starter_set=Advisory.objects.only_starter_set(),
        )

    def affecting(
        self, names: Mapping[str, frozenset[str]]
    ) -> Mapping[tuple[str, str], Sequence[Affected]]:
        """All ranges for these packages, in one query."""
        wanted = Q()
        for ecosystem, packages in names.items():
            wanted |= Q(ecosystem=ecosystem, package__in=packages)
        found: dict[tuple[str, str], list[Affected]] = {}
        for row in Advisory.objects.filter(wanted) if wanted else ():
            found.setdefault((row.ecosystem, row.package), []).append(_affected(row))
        return found


def _affected(row: Advisory) -> Affected:
    return Affected(
        ecosystem=row.ecosystem,
        package=row.package,
        identifier=row.identifier,
        introduced=row.introduced,
        fixed=row.fixed,
        last_affected=row.last_affected,
        versions=tuple(row.versions),
        severity=Severity(row.severity),
        summary=row.summary,
        source=row.source,
    )


def load_starter() -> int:
    """Load the shipped starter set where nothing is loaded. Returns how many facts."""
    if Advisory.objects.exists():
        return 0
    lines = STARTER.read_text().splitlines()
    rows = [_starter_row(line) for line in lines if not line.startswith("#")]
    _write(rows)
    return len(rows)


def _starter_row(line: str) -> Advisory:
    ecosystem, package, identifier, introduced, fixed, severity, source = line.split(
        "\t"
    )
    return Advisory(
        origin=Advisory.Origin.STARTER,
        ecosystem=ecosystem,
        package=package,
        advisory=identifier,
        identifier=identifier,
        introduced=introduced,
        fixed=fixed,
        severity=severity,
        source=f"{source} (starter set)",
        modified_on=STARTER_DATE,
    )


def sync_folder(path: Path) -> Figures:
    """Read OSV documents from a folder of exports (``<ecosystem>/all.zip`` or JSON) or
    one zip. Running it again changes nothing more."""
    if not path.exists():
        raise AdvisoriesUnavailable(f"{path} does not exist.")
    archives = [path] if path.is_file() else sorted(path.rglob("*.zip"))
    figures = Figures()
    for archive in archives:
        _take(_in_zip(archive), figures)
    if path.is_dir():
        plain = (
            (str(file), file.read_bytes()) for file in sorted(path.rglob("*.json"))
        )
        _take(plain, figures)
    if not figures.documents and not figures.broken:
        raise AdvisoriesUnavailable(f"{path} holds no OSV documents.")
    return figures


def sync_network(ecosystem: str) -> Figures:
    """Fetch one ecosystem's export from the OSV project and read it."""
    if not re.fullmatch(r"[A-Za-z0-9.: -]{2,40}", ecosystem):
        raise AdvisoriesUnavailable(f"{ecosystem} is not the name of an ecosystem.")
    url = EXPORT.format(ecosystem=urllib.parse.quote(ecosystem))
    try:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 -- a fixed https address
            content = response.read(LARGEST_EXPORT + 1)
    except (urllib.error.URLError, OSError) as error:
        raise AdvisoriesUnavailable(
            f"The OSV export of {ecosystem} cannot be fetched ({error}). Without a"
            " network, give a folder of exports with --from."
        ) from error
    if len(content) > LARGEST_EXPORT:
        raise AdvisoriesUnavailable(f"The export of {ecosystem} is too large.")
    figures = Figures()
    _take(_in_zip(io.BytesIO(content)), figures)
    return figures


def _in_zip(archive: Path | io.BytesIO) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.filename.endswith(".json"):
                    continue
                small = info.file_size <= LARGEST_DOCUMENT
                yield info.filename, opened.read(info) if small else b""
    except (zipfile.BadZipFile, OSError) as error:
        raise AdvisoriesUnavailable(f"{archive} is not a readable zip.") from error


def _take(documents: Iterable[tuple[str, bytes]], figures: Figures) -> None:
    iterator = iter(documents)
    while batch := list(islice(iterator, BATCH)):
        rows: list[Advisory] = []
        withdrawn: list[str] = []
        for name, content in batch:
            figures.documents += 1
            try:
                parsed = json.loads(content)
                identifier = str(parsed["id"])
                if parsed.get("withdrawn"):
                    withdrawn.append(identifier)
                else:
                    rows += _rows(parsed, identifier)
            except (ValueError, KeyError, TypeError, AttributeError):
                figures.broken.append(name)
        figures.ranges += len(rows)
        figures.withdrawn += len(withdrawn)
        _replace(rows, withdrawn)


@transaction.atomic
def _replace(rows: Sequence[Advisory], withdrawn: Sequence[str]) -> None:
    """Real advisories take the starter set's place, ecosystem by ecosystem."""
    stale = {row.advisory for row in rows} | set(withdrawn)
    Advisory.objects.filter(advisory__in=stale, origin=Advisory.Origin.OSV).delete()
    Advisory.objects.filter(
        ecosystem__in={row.ecosystem for row in rows}, origin=Advisory.Origin.STARTER
    ).delete()
    _write(rows)


def _write(rows: Sequence[Advisory]) -> None:
    Advisory.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def _rows(parsed: Mapping[str, Any], identifier: str) -> Iterator[Advisory]:
    severity = severity_of(parsed)
    aliases = [str(alias) for alias in parsed.get("aliases") or []]
    cve = next((alias for alias in aliases if alias.startswith("CVE-")), identifier)
    summary = str(parsed.get("summary") or "")[:500]
    modified = date.fromisoformat(str(parsed["modified"])[:10])
    seen: Counter[tuple[str, ...]] = Counter()
    for affected in parsed.get("affected") or []:
        ecosystem = str(affected["package"]["ecosystem"])
        if not DEBIAN.match(ecosystem):
            continue
        name = _normal_name(ecosystem, str(affected["package"]["name"]))
        versions = [str(version)[:100] for version in affected.get("versions") or []]
        for introduced, fixed, last in _ranges(affected) or [("", "", "")]:
            key = (ecosystem, name, introduced, fixed, last)
            if seen[key]:
                continue
            seen[key] += 1
            yield Advisory(
                origin=Advisory.Origin.OSV,
                ecosystem=ecosystem,
                package=name,
                advisory=identifier,
                identifier=cve,
                introduced=introduced,
                fixed=fixed,
                last_affected=last,
                versions=[] if introduced else versions[:MOST_VERSIONS],
                severity=severity,
                summary=summary,
                source=f"OSV {identifier}",
                modified_on=modified,
            )


def _ranges(affected: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The affected stretches; ``0`` stands for the beginning."""
    found: list[tuple[str, str, str]] = []
    for each in affected.get("ranges") or []:
        if each.get("type") == "GIT":
            continue
        introduced = ""
        for event in each.get("events") or []:
            introduced = str(event.get("introduced", introduced))[:100]
            if "fixed" in event or "last_affected" in event:
                fixed = str(event.get("fixed", ""))[:100]
                found.append(
                    (introduced, fixed, str(event.get("last_affected", ""))[:100])
                )
                introduced = ""
        if introduced:
            found.append((introduced, "", ""))
    return found


def _normal_name(ecosystem: str, name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "PyPI" else name
