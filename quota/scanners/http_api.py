"""Asking an engine behind an address: in bounded time, for bounded answers."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from quota.scanners.reports import LARGEST_REPORT

LONGEST_REQUEST = 120
CHUNK = 1 << 16
Deadline = Callable[[], float]


class Unanswered(Exception):
    """There is no answer to use; ``str()`` says why, as the end of a sentence."""


class BadAddress(ValueError):
    """The operator's address is none that can be asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its headers, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Api:
    """The one address an operator set. A redirect is an answer and never followed."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        try:
            usable = parts.scheme in {"http", "https"} and parts.hostname and plain
            _ = parts.port
        except ValueError:
            usable = False
        if not usable:
            raise BadAddress(
                "It must begin with http:// or https:// and carry no user or query."
            )

    def ask(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Ask once. Refuses (Unanswered) whoever cannot be reached, takes longer than
        ``deadline()`` allows, says no HTTP, or answers too much."""
        seconds = min(deadline(), LONGEST_REQUEST)
        if seconds <= 0:
            raise Unanswered("no time was left")
        base = urlsplit(self.address).path.rstrip("/")
        connection = self._connection(seconds)
        try:
            connection.connect()
            with _cut_off(connection.sock, seconds):
                connection.request(
                    method, f"{base}{path}", body, {**self.headers, **headers}
                )
                with connection.getresponse() as response:
                    return _answer(response)
        except TimeoutError as error:
            raise Unanswered("it did not answer in time") from error
        except (OSError, HTTPException) as error:
            raise Unanswered(_reason(error)) from error
        finally:
            connection.close()

    def _connection(self, seconds: float) -> HTTPConnection:
        parts = urlsplit(self.address)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port, timeout=seconds, context=context)
        return HTTPConnection(host, parts.port, timeout=seconds)


@contextmanager
def _cut_off(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End the connection when the time is over: a socket's own timeout begins anew
    with every byte, and an engine that drips would never run into it."""

    over = threading.Event()

    def cut() -> None:
        over.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if over.is_set():
            raise TimeoutError


def _answer(response: HTTPResponse) -> Answer:
    body = bytearray()
    while chunk := response.read(CHUNK):
        body += chunk
        if len(body) > LARGEST_REPORT:
            raise Unanswered("its answer is larger than allowed")
    if response.length:
        raise Unanswered("its answer ends too early")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, bytes(body))


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it did not answer as a web server does"
