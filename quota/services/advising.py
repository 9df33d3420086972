"""The advisory store: filled from OSV exports or the starter set, asked by scanners."""

import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q

from quota.models import Advisory
from quota.scanners.matching import Affected, Held
from quota.scanners.port import Severity
from quota.scanners.severity import severity_of

STARTER = files("quota") / "data" / "starter_advisories.tsv"
STARTER_DATE = date(2026, 11, 24)
EXPORT = "https://osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip"
LARGEST_EXPORT = 2 * 1024**3
LARGEST_DOCUMENT = 16 * 1024**2
BATCH = 2_000
MOST_VERSIONS = 2_000
READ = re.compile(r"(Debian:\d+|Ubuntu:[\d.]+|Alpine:v[\d.]+|PyPI|npm)(:LTS)?")
LONGEST_NAME, LONGEST_IDENTIFIER, LONGEST_VERSION = 200, 64, 100


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

    def holdings(self, ecosystems: Collection[str]) -> Mapping[str, Held]:
        """What the store holds of these ecosystems; asked once a scan."""
        rows = Advisory.objects.filter(ecosystem__in=ecosystems).values("ecosystem")
        current = Count("pk", filter=Q(origin=Advisory.Origin.OSV))
        return {
            row["ecosystem"]: Held(row["newest"], is_starter_set=not row["current"])
            for row in rows.annotate(newest=Max("modified_on"), current=current)
        }

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
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError) as error:
        raise AdvisoriesUnavailable(f"{archive} is not a readable zip.") from error


def _take(documents: Iterable[tuple[str, bytes]], figures: Figures) -> None:
    iterator = iter(documents)
    while batch := list(islice(iterator, BATCH)):
        rows: list[Advisory] = []
        told: list[str] = []
        for name, content in batch:
            figures.documents += 1
            try:
                parsed = _document(content)
                identifier = _fitting(parsed["id"], LONGEST_IDENTIFIER)
                if parsed.get("withdrawn"):
                    figures.withdrawn += 1
                else:
                    rows += list(_rows(parsed, identifier))
                told.append(identifier)
            except (ValueError, KeyError, TypeError, AttributeError):
                figures.broken.append(name)
        figures.ranges += len(rows)
        _replace(rows, told)


@transaction.atomic
def _replace(rows: Sequence[Advisory], told: Sequence[str]) -> None:
    """What a document no longer says is forgotten. Real advisories take the starter
    set's place, ecosystem by ecosystem."""
    Advisory.objects.filter(advisory__in=told, origin=Advisory.Origin.OSV).delete()
    Advisory.objects.filter(
        ecosystem__in={row.ecosystem for row in rows}, origin=Advisory.Origin.STARTER
    ).delete()
    _write(rows)


def _write(rows: Sequence[Advisory]) -> None:
    Advisory.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def _rows(parsed: Mapping[str, Any], identifier: str) -> Iterator[Advisory]:
    aliases = [str(alias) for alias in parsed.get("aliases") or []]
    shown = next((alias for alias in aliases if alias.startswith("CVE-")), identifier)
    common = {
        "origin": Advisory.Origin.OSV,
        "advisory": identifier,
        "identifier": _fitting(shown, LONGEST_IDENTIFIER),
        "severity": severity_of(parsed),
        "summary": str(parsed.get("summary") or "")[:500],
        "source": f"OSV {identifier}",
        "modified_on": date.fromisoformat(str(parsed["modified"])[:10]),
    }
    for affected in parsed.get("affected") or []:
        package = affected.get("package") or {}
        if known := READ.fullmatch(str(package.get("ecosystem"))):
            name = _fitting(package["name"], LONGEST_NAME)
            common["ecosystem"] = known[1]
            common["package"] = _normal_name(known[1], name)
            yield from _stretches(affected, common)


def _stretches(
    affected: Mapping[str, Any], common: Mapping[str, Any]
) -> Iterator[Advisory]:
    """One row a range; where there is none, one for the versions that are listed."""
    listed = affected.get("versions") or []
    versions = [_fitting(version, LONGEST_VERSION) for version in listed]
    unranged = [("", "", "")] if versions else []
    for introduced, fixed, last in dict.fromkeys(_ranges(affected) or unranged):
        yield Advisory(
            introduced=introduced,
            fixed=fixed,
            last_affected=last,
            versions=[] if introduced else versions[:MOST_VERSIONS],
            **common,
        )


def _ranges(affected: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The affected stretches; ``0`` stands for the beginning."""
    found: list[tuple[str, str, str]] = []
    for each in affected.get("ranges") or []:
        if each.get("type") == "GIT":
            continue
        introduced = ""
        for event in each.get("events") or []:
            introduced = _fitting(event.get("introduced", introduced), LONGEST_VERSION)
            if "fixed" in event or "last_affected" in event:
                fixed = _fitting(event.get("fixed", ""), LONGEST_VERSION)
                last = _fitting(event.get("last_affected", ""), LONGEST_VERSION)
                found.append((introduced, fixed, last))
                introduced = ""
        if introduced:
            found.append((introduced, "", ""))
    return found


def _document(content: bytes) -> dict[str, Any]:
    """Parse a document. Refuses (ValueError) one the database could not keep."""
    if b"\\u0000" in content:
        raise ValueError("A document with a null character.")
    parsed = json.loads(content)
    if not isinstance(parsed, dict):
        raise ValueError("A document that is not an object.")
    return parsed


def _fitting(value: object, longest: int) -> str:
    """Cutting a name or version short would make it another one."""
    text = str(value)
    if len(text) > longest:
        raise ValueError("A name or version that is too long.")
    return text


def _normal_name(ecosystem: str, name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "PyPI" else name
