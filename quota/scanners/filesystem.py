"""The files of an image as a container would see them, read layer by layer.

Nothing is unpacked to disk: members are read as a stream, so no path, link or device
in an archive can touch this machine.
"""

import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import BinaryIO, Self

from quota.scanners.port import ScanFailed
from quota.sources.content import Layer, SourceError

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
CHUNK = 1 << 20
LONGEST_PATH = 4096
LARGEST_HEADER = 1 << 20
LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
Member = tuple[tarfile.TarFile, tarfile.TarInfo, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an image may go before the scan gives up, and how much of a file is kept
    in memory."""

    files: int = 2_000_000
    octets: int = 16 * 1024**3
    kept: int = 4 * 1024**2
    database: int = 64 * 1024**2


# Lists of installed packages are read whole: they are long in large images.
DATABASES = ("var/lib/dpkg/status", "lib/apk/db/installed")


@dataclass(frozen=True, slots=True)
class File:
    """A visible file. ``content`` is its beginning, whole if ``size`` says so."""

    path: str
    size: int
    content: bytes
    sha256: str
    layer: str


class _Visibility:
    """What upper layers hide from lower ones: files they have, and whiteouts."""

    def __init__(self) -> None:
        self._hidden: set[str] = set()
        self._new: set[str] = set()

    def hides(self, path: str) -> bool:
        # The root's own opaque marker hides the parent that is written ".".
        return path in self._hidden or any(
            str(each) in self._hidden for each in PurePosixPath(path).parents
        )

    def note(self, path: str, *, is_folder: bool) -> None:
        if not is_folder:
            self._new.add(path)

    def white_out(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        hidden = folder if name == OPAQUE else f"{folder}/{name[len(WHITEOUT) :]}"
        self._new.add(hidden.strip("/") or ".")

    def next_layer(self) -> None:
        """What a layer removes or replaces is hidden in the layers below it only."""
        self._hidden |= self._new
        self._new.clear()


def merged(
    layers: Sequence[Layer], seconds_left: Callable[[], float], limits: Limits
) -> Iterator[File]:
    """Yield the files of the top-most layer that has them, whiteouts honoured.

    Symbolic links are not followed, devices are ignored; a hard link is a file of its
    own; names with ``..`` and absolute names are taken inside the image. A name that
    one layer has twice is yielded twice. Refuses (ScanFailed) an image beyond the
    limits, a damaged layer, and when no time is left.
    """
    visible, budget = _Visibility(), _Budget(limits, seconds_left)
    for number in range(len(layers), 0, -1):
        label = f"{number} of {len(layers)}"
        try:
            yield from _Reading(layers[number - 1], label, visible, budget).files()
        except SourceError as error:
            raise ScanFailed(f"Layer {label} cannot be read. {error}") from error
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise ScanFailed(
                f"Layer {label} cannot be read: its archive is damaged. Pull the image"
                " again."
            ) from error
        visible.next_layer()


@dataclass(slots=True)
class _Budget:
    limits: Limits
    seconds_left: Callable[[], float]
    files: int = 0
    octets: int = 0

    def spend(self, size: int) -> None:
        self.files += 1
        self.octets += size
        if self.files > self.limits.files:
            raise ScanFailed(
                "The image has more files than a scan allows. Make it smaller, then"
                " scan it again."
            )
        if self.octets > self.limits.octets:
            raise ScanFailed(
                "The image unpacks to more than a scan allows. Make it smaller, then"
                " scan it again."
            )

    def check_time(self) -> None:
        if self.seconds_left() <= 0:
            raise ScanFailed(
                "The scan took longer than its time limit. Scan again with a longer"
                " one."
            )


class _Header(tarfile.TarInfo):
    """Refuses what the plain reader takes for the end of the archive, which would leave
    the rest unseen, and headers long enough to fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if not any(buf):
            return super().frombuf(buf, encoding, errors)
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.type in LONG_HEADERS and header.size > LARGEST_HEADER:
            raise tarfile.ReadError("A header is longer than any real one.")
        return header


@dataclass(frozen=True, slots=True)
class _Reading:
    """One layer being read."""

    layer: Layer
    label: str
    visible: _Visibility
    budget: _Budget

    def files(self) -> Iterator[File]:
        first: dict[str, str] = {}
        linked: defaultdict[str, list[str]] = defaultdict(list)
        with self.layer.open() as stream:
            for tar, member, path in self._members(stream):
                self.budget.spend(member.size if member.isfile() else 0)
                if PurePosixPath(path).name.startswith(WHITEOUT):
                    self.visible.white_out(path)
                    continue
                self.visible.note(path, is_folder=member.isdir())
                if member.islnk():
                    target = normal(member.linkname)
                    first[path] = first.get(target, target)
                if self.visible.hides(path):
                    continue
                if member.islnk():
                    linked[first[path]].append(path)
                elif member.isfile():
                    yield self._file(tar, member, [path])
        if linked:
            yield from self._linked(linked)

    def _linked(self, linked: Mapping[str, Sequence[str]]) -> Iterator[File]:
        """Read the layer again for what its hard links name: their content comes before
        them, and may be hidden under its first name."""
        with self.layer.open() as stream:
            for tar, member, path in self._members(stream):
                if member.isfile() and path in linked:
                    file = self._file(tar, member, linked[path])
                    for name in linked[path]:
                        self.budget.spend(file.size)
                        self.budget.check_time()
                        yield replace(file, path=name)

    def _members(self, stream: BinaryIO) -> Iterator[Member]:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar:
            for member in tar:
                self.budget.check_time()
                if len(member.name) > LONGEST_PATH:
                    raise tarfile.ReadError("A name is longer than any real one.")
                if path := normal(member.name):
                    yield tar, member, path
                # The tar would otherwise remember every member it has passed.
                tar.members = []  # type: ignore[attr-defined]

    def _file(
        self, tar: tarfile.TarFile, member: tarfile.TarInfo, names: Iterable[str]
    ) -> File:
        limits = self.budget.limits
        is_database = any(name in DATABASES for name in names)
        kept_size = limits.database if is_database else limits.kept
        hashed, kept = hashlib.sha256(), bytearray()
        stream = tar.extractfile(member)
        while stream and (chunk := stream.read(CHUNK)):
            self.budget.check_time()
            hashed.update(chunk)
            if len(kept) < kept_size:
                kept += chunk[: kept_size - len(kept)]
        path = normal(member.name)
        return File(path, member.size, bytes(kept), hashed.hexdigest(), self.label)


def normal(name: str) -> str:
    """A member's path inside the image: relative, without ``.`` and ``..``.

    >>> normal("/etc/../../passwd"), normal("./usr/bin/env")
    ('passwd', 'usr/bin/env')
    """
    parts: list[str] = []
    for part in name.replace("\0", "").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
