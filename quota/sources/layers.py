"""Layers as streams: decompressed, limited in size, their digest verified."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quota.sources.content import SourceError

LARGEST_LAYER = 4 * 1024**3
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
Opener = Callable[[], BinaryIO]


class _Verified(io.RawIOBase):
    """A stream that refuses, at its end, content that is not what it claims to be."""

    def __init__(self, stream: BinaryIO, digest: str, limit: int) -> None:
        self._stream = stream
        self._digest = digest
        self._hash = hashlib.sha256()
        self._left = limit
        self._done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        if not chunk:
            self._check()
            return 0
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceError("A layer is larger than allowed.")
        self._hash.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _check(self) -> None:
        if self._done:
            return
        self._done = True
        if f"sha256:{self._hash.hexdigest()}" != self._digest:
            raise SourceError(
                "A layer's content does not match its digest. Pull the image again."
            )

    def finish(self) -> None:
        """Read what the reader left over, so that the digest is always checked."""
        while self.read(1 << 20):
            pass


@dataclass(frozen=True, slots=True)
class BlobLayer:
    """A layer stored as a blob. ``digest`` is that of the stored bytes."""

    digest: str
    opener: Opener
    limit: int = LARGEST_LAYER

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The uncompressed tar; digest and size are checked when it is closed."""
        try:
            with self.opener() as raw:
                stored = _Verified(raw, self.digest, self.limit)
                buffered = io.BufferedReader(stored, 1 << 20)
                yield _uncompressed(buffered, self.limit)
                stored.finish()
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(
                f"A layer could not be unpacked: {_reason(error)}. Pull the image"
                " again."
            ) from error

    def copy_to(self, path: Path) -> None:
        """Write the stored bytes to a file."""
        with self.opener() as raw, path.open("wb") as file:
            stored = io.BufferedReader(_Verified(raw, self.digest, self.limit), 1 << 20)
            while chunk := stored.read(1 << 20):
                file.write(chunk)


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, zlib.error | gzip.BadGzipFile):
        return "its compression is damaged"
    return str(error) or type(error).__name__


def _uncompressed(stored: "io.BufferedReader[_Verified]", limit: int) -> BinaryIO:
    start = stored.peek(4)[:4]
    if start.startswith(GZIP_MAGIC):
        return _Limited(gzip.GzipFile(fileobj=stored), limit)  # type: ignore[return-value]
    if start.startswith(ZSTD_MAGIC):
        raise SourceError(
            "A layer is compressed with zstd, which this scanner cannot read yet."
        )
    return stored


class _Limited(io.RawIOBase):
    """What comes out of a decompressor, cut off where a bomb would begin."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(data)
        if self._left < 0:
            raise SourceError("A layer unpacks to more than allowed.")
        return data
