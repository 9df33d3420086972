"""Files in a tar, opened without extracting it or trusting its names and headers."""

import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self, cast

from quota.sources.content import SourceError
from quota.sources.folders import open_plain

MOST_MEMBERS = 100_000
MOST_GLOBALS = 16
LONGEST_NAME = 4096
LARGEST_HEADER = 1 << 20
LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
# What a damaged or hostile tar makes the standard library raise.
DAMAGED = (tarfile.TarError, ValueError, OverflowError, RecursionError)


class Header(tarfile.TarInfo):
    """Refuses headers that would fill the memory, and those that the plain reader takes
    for the end of the archive, which would leave the rest unseen."""

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
        if header.type == tarfile.GNUTYPE_SPARSE or header.size < 0:
            raise tarfile.ReadError("A sparse file cannot be read.")
        return header

    def _proc_gnusparse_10(self, *_: object) -> None:
        """A map of holes in the content itself has no bound (called by tarfile)."""
        raise tarfile.ReadError("A sparse file cannot be read.")


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each member as it is passed; the tar would otherwise remember them all."""
    for member in tar:
        if len(tar.pax_headers) > MOST_GLOBALS or len(member.name) > LONGEST_NAME:
            raise tarfile.ReadError("A header is longer than any real one.")
        yield member
        tar.members = []  # type: ignore[attr-defined]


class Archive:
    """The files of an open tar, by name. Links are followed once, inside the tar."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members: dict[str, tarfile.TarInfo] = {}
        for count, member in enumerate(members(tar)):
            if count >= MOST_MEMBERS:
                raise SourceError(
                    "The archive holds more files than allowed. Save fewer images."
                )
            member.pax_headers = {}
            self._members[posixpath.normpath(member.name)] = member

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        """Open a file by its name. Refuses what is not a plain file."""
        return cast(BinaryIO, self._tar.extractfile(self._plain(name)))

    def size(self, name: str) -> int:
        """How many bytes a file has."""
        return self._plain(name).size

    def _plain(self, name: str) -> tarfile.TarInfo:
        found = self._members.get(posixpath.normpath(name))
        if found and found.issym():
            # docker save links a layer that two images share.
            beside = posixpath.join(posixpath.dirname(found.name), found.linkname)
            found = self._members.get(posixpath.normpath(beside))
        elif found and found.islnk():
            found = self._members.get(posixpath.normpath(found.linkname))
        if found is None:
            raise SourceError(f"The archive lacks {name[:80]}. Save it again.")
        if not found.isfile():
            raise SourceError(
                f"{name[:80]} in the archive is not a plain file. Save it again."
            )
        return found


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an uncompressed tar. Refuses what is none, or is damaged."""
    with open_plain(path) as file:
        try:
            tar = tarfile.TarFile(fileobj=file, mode="r", tarinfo=Header)
            archive = Archive(tar)
        except (OSError, *DAMAGED) as error:
            raise SourceError(
                f"{path.name} is not a readable archive. Save it again, uncompressed."
            ) from error
        try:
            yield archive
        except tarfile.TarError as error:
            raise SourceError(f"{path.name} is cut short. Save it again.") from error
        finally:
            tar.close()
