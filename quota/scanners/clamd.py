"""ClamAV's daemon as an engine for trojans: files are streamed to its socket."""

import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from quota.scanners.filesystem import File, Limits, merged
from quota.scanners.http_api import BadAddress
from quota.scanners.port import (
    Assessment,
    Category,
    Finding,
    Report,
    ScanFailed,
    Severity,
)
from quota.scanners.reports import one_line, removal_plan
from quota.sources.content import ImageContent

# How much of each file is streamed; clamd's own limit is larger unless it was set.
STREAMED = Limits(kept=24 * 1024**2)
LONGEST_SILENCE = 60
LARGEST_REPLY = 4096
CHUNK = 1 << 18
# In a session each reply begins with the number of its command.
NUMBER = re.compile(r"^\d+: ")
FOUND = re.compile(r"stream: (?P<name>.+) FOUND")
CLEAN = "stream: OK"
TOO_LARGE = "size limit exceeded"
GAVE_UP = "Heuristics.Limits.Exceeded"
DATED = re.compile(r"^ClamAV (?P<version>[^/]+)/\d+/(?P<day>.+)$")
NAME = "ClamAV"
Deadline = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Address:
    """``/run/clamav/clamd.ctl``, ``unix:/path`` or ``tcp://host:port``."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parsed(cls, written: str) -> Self:
        """Read an operator's setting. Refuses (BadAddress) anything else."""
        path = written.removeprefix("unix:")
        if Path(path).is_absolute():
            return cls(path=path)
        try:
            parts = urlsplit(written)
            if parts.scheme == "tcp" and parts.hostname and parts.port:
                return cls(host=parts.hostname, port=parts.port)
        except ValueError:
            pass
        raise BadAddress("It can be a path, or tcp://host:port.")

    def connect(self, timeout: float) -> socket.socket:
        """A connection, or OSError."""
        if not self.path:
            return socket.create_connection((self.host, self.port), timeout)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(timeout)
            sock.connect(self.path)
        except OSError:
            sock.close()
            raise
        return sock


class _Lost(Exception):
    """The daemon ended the session, or never began it."""


class _Session:
    """One session, in which any number of files are streamed. It begins with the first
    command, and again after clamd ended it, as it does after a while of silence."""

    def __init__(self, address: Address, deadline: Deadline) -> None:
        self._address, self._deadline = address, deadline
        self._sock: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Close the connection; the next command makes another."""
        if self._sock:
            self._sock.close()
        self._sock, self._rest = None, b""

    def version(self) -> str:
        """What the daemon says it is, and the day of its signatures."""
        return self._twice(lambda: self._said(b"zVERSION\0"))

    def streamed(self, content: bytes) -> str:
        """What the daemon says of these bytes."""
        said = self._twice(lambda: self._stream(content))
        if TOO_LARGE in said:
            self.end()
        return said

    def _twice(self, command: Callable[[], str]) -> str:
        fresh = self._sock is None
        try:
            return command()
        except _Lost:
            self.end()
            if fresh:
                raise
        return command()

    def _stream(self, content: bytes) -> str:
        sock = self._open()
        try:
            sock.sendall(b"zINSTREAM\0")
            for start in range(0, len(content), CHUNK):
                chunk = content[start : start + CHUNK]
                self._wait_no_longer(sock)
                sock.sendall(struct.pack("!I", len(chunk)) + chunk)
            sock.sendall(struct.pack("!I", 0))
        except TimeoutError as error:
            raise _silent() from error
        except OSError:
            # It closes on what is too large, but says so before.
            return self._reply(sock)
        return self._reply(sock)

    def _said(self, command: bytes) -> str:
        sock = self._open()
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(command)
        return self._reply(sock)

    def _open(self) -> socket.socket:
        if self._rest:
            raise _unreadable()
        if self._sock is None:
            try:
                self._sock = self._address.connect(self._patience())
                self._sock.sendall(b"zIDSESSION\0")
            except TimeoutError as error:
                raise _silent() from error
            except OSError as error:
                reason = (error.strerror or "no connection").lower()
                raise ScanFailed(
                    f"ClamAV could not be used: {reason}. Tell whoever operates it,"
                    " then scan again."
                ) from error
        return self._sock

    def _reply(self, sock: socket.socket) -> str:
        reply = self._rest
        try:
            while b"\0" not in reply:
                self._wait_no_longer(sock)
                chunk = sock.recv(LARGEST_REPLY)
                if not chunk:
                    raise _Lost
                reply += chunk
                if len(reply) > LARGEST_REPLY:
                    raise _unreadable()
        except TimeoutError as error:
            raise _silent() from error
        except OSError as error:
            raise _Lost from error
        said, _, self._rest = reply.partition(b"\0")
        return NUMBER.sub("", said.decode("utf-8", "replace").strip())

    def _wait_no_longer(self, sock: socket.socket) -> None:
        sock.settimeout(self._patience())

    def _patience(self) -> float:
        left = self._deadline()
        if left <= 0:
            raise ScanFailed(
                "The scan took longer than its time limit. Scan again with a longer"
                " one."
            )
        return min(left, LONGEST_SILENCE)


def _silent() -> ScanFailed:
    return ScanFailed(
        "ClamAV did not answer in time. Scan again; if it stays so, tell whoever"
        " operates it."
    )


def _unreadable() -> ScanFailed:
    return ScanFailed(
        "ClamAV's answer cannot be read. Scan again; if it stays so, tell whoever"
        " operates it."
    )


@dataclass(slots=True)
class _Seen:
    """What one walk through the files brought."""

    whole: int = 0
    cut: int = 0
    findings: list[Finding] = field(default_factory=list)


class ClamdScanner:
    """Streams every file to ClamAV's daemon."""

    name = "clamd"

    def __init__(self, address: str, limits: Limits = STREAMED) -> None:
        self._address = Address.parsed(address)
        self._limits = limits

    def capabilities(self) -> frozenset[Category]:
        """Trojans."""
        return frozenset({Category.TROJANS})

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Deadline,
    ) -> Report:
        """Walk the image's files once. A daemon that cannot be used is a failed scan:
        what nobody looked at is never called clean."""
        if Category.TROJANS not in categories:
            return Report((), ())
        seen = _Seen()
        try:
            with _Session(self._address, deadline) as session:
                version = session.version()
                for file in merged(image.layers, deadline, self._limits):
                    if file.content:
                        _judge(file, session.streamed(file.content), seen)
        except _Lost as error:
            raise _unreadable() from error
        return Report(tuple(seen.findings), (self._assessment(version, seen),))

    def _assessment(self, version: str, seen: _Seen) -> Assessment:
        left = ["Trojans that no signature names"]
        if seen.cut:
            left.append(f"Files too large to be streamed whole ({seen.cut:,})")
        dated = DATED.match(version)
        number = dated["version"] if dated else version.removeprefix(f"{NAME} ")
        return Assessment(
            category=Category.TROJANS,
            engine=f"{NAME} {one_line(number.strip('/'), 40)}".strip(),
            data_date=_day(dated["day"]) if dated else None,
            covered=(f"{seen.whole:,} files against ClamAV's signatures",),
            not_assessed=tuple(left),
            assessed=bool(seen.whole) or not seen.cut,
        )


def _judge(file: File, said: str, seen: _Seen) -> None:
    """Book one file. One that was not seen whole is never counted as seen."""
    found = FOUND.fullmatch(said)
    gave_up = TOO_LARGE in said or (found and found["name"].startswith(GAVE_UP))
    if not (gave_up or found or said == CLEAN):
        raise _unreadable()
    if gave_up or len(file.content) < file.size:
        seen.cut += 1
    else:
        seen.whole += 1
    if found and not gave_up:
        seen.findings.append(_finding(file, one_line(found["name"], 200)))


def _finding(file: File, name: str) -> Finding:
    unwanted = name.startswith("PUA.")
    return Finding(
        category=Category.TROJANS,
        severity=Severity.MEDIUM if unwanted else Severity.CRITICAL,
        identifier=name,
        title=f"{name} in {file.path}",
        path=file.path,
        layer=file.layer,
        evidence=f"SHA-256 {file.sha256[:12]}",
        source=NAME,
        advice=removal_plan(file.path, file.layer),
    )


def _day(written: str) -> date | None:
    """The day of the signatures: ``Mon Nov 23 09:10:11 2026``."""
    try:
        return datetime.strptime(written, "%a %b %d %H:%M:%S %Y").date()  # noqa: DTZ007 -- only its day is kept
    except ValueError:
        return None
