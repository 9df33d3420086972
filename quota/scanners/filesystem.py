"""The files of an image as a container would see them, read layer by layer.

Nothing is unpacked to disk: members are read as a stream, so no path, link or device
in an archive can touch this machine.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from quota.scanners.port import ScanFailed
from quota.sources.content import Layer, SourceError

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
CHUNK = 1 << 20


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
        self.paths: set[str] = set()
        self.folders: set[str] = set()
        self._new_folders: set[str] = set()

    def hides(self, path: str) -> bool:
        if path in self.paths:
            return True
        parents = PurePosixPath(path).parents
        return path in self.folders or any(
            str(each) in self.folders for each in parents
        )

    def note(self, path: str, *, is_folder: bool) -> None:
        if not is_folder:
            self.paths.add(path)
            self._new_folders.add(path)

    def white_out(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        hidden = folder if name == OPAQUE else f"{folder}/{name[len(WHITEOUT) :]}"
        self._new_folders.add(hidden.strip("/"))

    def next_layer(self) -> None:
        """What a layer removes or replaces is hidden in the layers below it only."""
        self.folders |= self._new_folders
        self._new_folders.clear()


def merged(
    layers: Sequence[Layer], seconds_left: Callable[[], float], limits: Limits
) -> Iterator[File]:
    """Yield the files of the top-most layer that has them, whiteouts honoured.

    Links are not followed, devices are ignored; names with ``..`` and absolute names
    are taken inside the image. Refuses (ScanFailed) an image beyond the limits, a
    damaged layer, and when no time is left.
    """
    visible, budget = _Visibility(), _Budget(limits)
    for number in range(len(layers), 0, -1):
        label = f"{number} of {len(layers)}"
        try:
            with layers[number - 1].open() as stream:
                yield from _layer(stream, label, visible, budget, seconds_left)
        except (SourceError, tarfile.TarError) as error:
            raise ScanFailed(f"Layer {label} cannot be read. {error}") from error
        visible.next_layer()


@dataclass(slots=True)
class _Budget:
    limits: Limits
    files: int = 0
    octets: int = 0

    def spend(self, size: int) -> None:
        self.files += 1
        self.octets += size
        if self.files > self.limits.files:
            raise ScanFailed("The image has more files than a scan allows.")
        if self.octets > self.limits.octets:
            raise ScanFailed("The image unpacks to more than a scan allows.")


def _layer(
    stream: BinaryIO,
    label: str,
    visible: _Visibility,
    budget: _Budget,
    seconds_left: Callable[[], float],
) -> Iterator[File]:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            if seconds_left() <= 0:
                raise ScanFailed(
                    "The scan took longer than its time limit. Scan again with a longer"
                    " one."
                )
            budget.spend(member.size if member.isfile() else 0)
            path = normal(member.name)
            if not path:
                continue
            if PurePosixPath(path).name.startswith(WHITEOUT):
                visible.white_out(path)
                continue
            hidden = visible.hides(path)
            visible.note(path, is_folder=member.isdir())
            if member.isfile() and not hidden:
                yield _file(tar, member, path, label, budget.limits)
            # The tar would otherwise remember every member it has passed.
            tar.members = []  # type: ignore[attr-defined]


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


def _file(
    tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, label: str, limits: Limits
) -> File:
    kept_size = limits.database if path in DATABASES else limits.kept
    hashed, kept = hashlib.sha256(), bytearray()
    stream = tar.extractfile(member)
    while stream and (chunk := stream.read(CHUNK)):
        hashed.update(chunk)
        if len(kept) < kept_size:
            kept += chunk[: kept_size - len(kept)]
    return File(path, member.size, bytes(kept), hashed.hexdigest(), label)
