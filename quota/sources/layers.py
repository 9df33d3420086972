"""Layers as streams: decompressed, limited in size, their digests verified."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from quota.sources.content import SourceError

LARGEST_LAYER = 4 * 1024**3
CHUNK = 1 << 20
# What a zstd frame may have the reader keep in memory: every level but the two "ultra"
# ones stays within it.
LARGEST_WINDOW = 32 * 1024**2
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
Opener = Callable[[], BinaryIO]


class _Verified(io.RawIOBase):
    """A stream that refuses, at its end, content that is not what it claims to be, and
    on the way, more of it than allowed."""

    def __init__(self, stream: BinaryIO, digest: str, limit: int) -> None:
        self._stream = stream
        self._digest = digest
        self._hash = hashlib.sha256()
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        if not chunk:
            self._check()
            return 0
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceError(
                "A layer is larger than allowed. Build the image in smaller layers."
            )
        self._hash.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _check(self) -> None:
        if f"sha256:{self._hash.hexdigest()}" != self._digest:
            raise SourceError(
                "A layer's content does not match its digest. Pull the image again."
            )


@dataclass(frozen=True, slots=True)
class BlobLayer:
    """A layer stored as a blob.

    ``digest`` is that of the bytes as stored, ``diff_id`` that of the uncompressed tar.
    Both are verified: the image ID binds only the latter, and whoever could put other
    content under an image ID would have it scanned at the price of a repeat.
    """

    digest: str
    diff_id: str
    opener: Opener
    limit: int = LARGEST_LAYER

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The uncompressed tar; digests and size are checked as it is read and, of
        what the reader left over, when it is closed."""
        with _explained(), self.opener() as raw:
            stored = self._verified(raw, self.digest)
            plain = _uncompressed(stored)
            if plain is not stored or self.diff_id != self.digest:
                plain = self._verified(plain, self.diff_id)
            yield plain
            _drain(plain)
            _drain(stored)

    def copy_to(self, path: Path) -> int:
        """Write the stored bytes to a file; returns how many they are."""
        with _explained(), self.opener() as raw, path.open("xb") as file:
            stored = self._verified(raw, self.digest)
            while chunk := stored.read(CHUNK):
                file.write(chunk)
            return file.tell()

    def _verified(self, stream: BinaryIO, digest: str) -> io.BufferedReader:
        return io.BufferedReader(_Verified(stream, digest, self.limit), CHUNK)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise SourceError(
            f"A layer could not be unpacked: {_reason(error)}. Pull the image again."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, zlib.error | gzip.BadGzipFile):
        return "its compression is damaged"
    if isinstance(error, zstandard.ZstdError):
        return "its zstd frames are damaged, or need too much memory"
    return getattr(error, "strerror", None) or type(error).__name__


def _uncompressed(stored: io.BufferedReader) -> BinaryIO:
    start = stored.peek(4)[:4]
    if start.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=stored)  # type: ignore[return-value]
    if start.startswith(ZSTD_MAGIC):
        reader = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
        return reader.stream_reader(stored, read_across_frames=True)
    return stored


def _drain(stream: BinaryIO) -> None:
    while stream.read(CHUNK):
        pass
