"""What is installed: the package lists that distributions and languages leave."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import PurePosixPath

from quota.scanners.filesystem import File

DPKG = re.compile(r"^var/lib/dpkg/status(\.d/[^/]+)?$")
APK = "lib/apk/db/installed"
OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
PYTHON = re.compile(r"\.(dist-info/METADATA|egg-info/PKG-INFO|egg-info)$")
NPM = re.compile(r"(^|/)node_modules/(@[^/]+/)?[^/]+/package\.json$")
GO_BINARY = b"\xff Go build"
UNREAD = {
    "Go modules": re.compile(r"(^|/)go\.mod$"),
    "Java archives": re.compile(r"\.(jar|war|ear)$"),
    "RPM packages": re.compile(r"^(var|usr)/lib/(sysimage/)?rpm/"),
    "Ruby gems": re.compile(r"/specifications/[^/]+\.gemspec$"),
    "PHP packages": re.compile(r"(^|/)composer\.lock$"),
    "Rust crates": re.compile(r"(^|/)Cargo\.lock$"),
}


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. ``source`` is the name advisories go by."""

    ecosystem: str
    name: str
    version: str
    source: str
    path: str
    layer: str


@dataclass(frozen=True, slots=True)
class Release:
    """What os-release says: the ecosystem of the distribution's packages."""

    label: str
    ecosystem: str


def release(file: File) -> Release | None:
    """Read os-release, if ``file`` is it."""
    if file.path not in OS_RELEASE:
        return None
    values = dict(
        line.split("=", 1) for line in _text(file).splitlines() if line.count("=") >= 1
    )
    name = values.get("ID", "").strip("\"'")
    version = values.get("VERSION_ID", "").strip("\"'")
    pretty = values.get("PRETTY_NAME", name).strip("\"'")
    if name == "alpine":
        return Release(pretty, f"Alpine:v{'.'.join(version.split('.')[:2])}")
    known = {"debian": "Debian", "ubuntu": "Ubuntu"}.get(name)
    return Release(pretty, f"{known}:{version}" if known else name)


def packages(file: File) -> Iterator[Package]:
    """The packages that ``file`` lists; none if it is no list."""
    if DPKG.match(file.path):
        yield from _dpkg(file)
    elif file.path == APK:
        yield from _apk(file)
    elif PYTHON.search(file.path):
        yield from _python(file)
    elif NPM.search(file.path):
        yield from _npm(file)


def unread_kind(file: File) -> str | None:
    """Name the kind of packages that ``file`` shows to exist and we cannot read."""
    if file.content.startswith(b"\x7fELF") and GO_BINARY in file.content:
        return "Go binaries"
    if len(file.content) < file.size and _is_list(file):
        return "Package lists too long to be read whole"
    return next((kind for kind, path in UNREAD.items() if path.search(file.path)), None)


def _is_list(file: File) -> bool:
    return file.path == APK or any(
        pattern.search(file.path) for pattern in (DPKG, PYTHON, NPM)
    )


def _text(file: File) -> str:
    return file.content.decode("utf-8", "replace")


def _dpkg(file: File) -> Iterator[Package]:
    for stanza in _text(file).split("\n\n"):
        fields = _fields(stanza)
        name, version = fields.get("Package"), fields.get("Version")
        installed = fields.get("Status", "install ok installed").endswith(" installed")
        if not (name and version and installed):
            continue
        source, _, other = fields.get("Source", name).partition(" ")
        version = other.strip("()") or version
        yield Package("dpkg", name, version, source, file.path, file.layer)


def _fields(stanza: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in stanza.splitlines() if line[:1].strip())
    return {name: value.strip() for name, colon, value in pairs if colon}


def _apk(file: File) -> Iterator[Package]:
    for stanza in _text(file).split("\n\n"):
        fields = _fields(stanza)
        name, version = fields.get("P"), fields.get("V")
        if name and version:
            source = fields.get("o", name)
            yield Package("apk", name, version, source, file.path, file.layer)


def _python(file: File) -> Iterator[Package]:
    headers = HeaderParser().parsestr(_text(file))
    name, version = headers.get("Name"), headers.get("Version")
    if name and version:
        source = re.sub(r"[-_.]+", "-", str(name)).lower()
        yield Package("PyPI", str(name), str(version), source, file.path, file.layer)


def _npm(file: File) -> Iterator[Package]:
    try:
        parsed = json.loads(file.content)
    except (ValueError, RecursionError):
        return
    folder = PurePosixPath(file.path).parent.as_posix().rpartition("node_modules/")[2]
    if isinstance(parsed, dict) and isinstance(parsed.get("version"), str):
        version = parsed["version"]
        yield Package("npm", folder, version, folder, file.path, file.layer)
