"""HTTP to a registry: checked addresses, a limit on every byte and every second.

Why not a client library: of the two maintained ones, python-dxf (12.1) follows every
redirect with ``requests`` and reads manifests whole, oras (0.2) sets no timeout at all;
neither bounds an answer's size or its total time, and neither can connect to an address
that was checked before. Those are the four things an address typed by a stranger needs.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from quota.sources.content import SourceError
from quota.sources.reach import Origin, Reach, RegistryFailure, origin

SECONDS = 30.0
CHUNK = 1 << 16
BROKEN = (OSError, http.client.HTTPException)


class _Timed(io.RawIOBase):
    """The incoming half of a socket: every read is bounded by the request's end."""

    def __init__(self, raw: Any, wait: Callable[[], None]) -> None:
        self._raw = raw
        self._wait = wait

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._wait()
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket:
    """A socket whose waiting ends at a deadline, however slowly bytes drip in."""

    def __init__(self, sock: socket.socket, deadline: Callable[[], float]) -> None:
        self._sock = sock
        self._deadline = deadline

    def wait(self) -> None:
        left = self._deadline() - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, SECONDS))

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        raw = self._sock.makefile("rb", buffering=0)
        return io.BufferedReader(_Timed(raw, self.wait), CHUNK)

    def sendall(self, content: bytes) -> None:
        self.wait()
        self._sock.sendall(content)

    def close(self) -> None:
        self._sock.close()


class _Connection(http.client.HTTPConnection):
    """A connection to one of the checked addresses, with TLS to the host's name."""

    def __init__(self, target: Origin, reach: Reach, tls: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port)
        self.target = target
        self.deadline = 0.0
        self._reach = reach
        self._tls = tls

    def connect(self) -> None:
        plain = self._connected()
        if self.target.scheme == "https":
            plain = self._encrypted(plain)
        self.sock: Any = _Socket(plain, lambda: self.deadline)

    def _encrypted(self, plain: socket.socket) -> ssl.SSLSocket:
        """Shake hands; a peer that drips is hung up on when the time is over."""
        left = max(0.1, self.deadline - time.monotonic())
        watch = threading.Timer(left, plain.shutdown, [socket.SHUT_RDWR])
        watch.daemon = True
        watch.start()
        try:
            return self._tls.wrap_socket(plain, server_hostname=self.target.host)
        except OSError as error:
            plain.close()
            if time.monotonic() >= self.deadline:
                raise TimeoutError from error
            raise
        finally:
            watch.cancel()

    def _connected(self) -> socket.socket:
        failed: OSError | None = None
        for address in self._reach.resolve(self.target):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(max(0.1, min(SECONDS, self.deadline - time.monotonic())))
            try:
                sock.connect((address, self.target.port))
            except OSError as error:
                sock.close()
                failed = error
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise failed or OSError("The name has no address.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and a body that is read within limits."""

    status: int
    headers: Mapping[str, str]
    _response: http.client.HTTPResponse

    def read(self, limit: int, what: str) -> bytes:
        """The whole body. Refuses one larger than ``limit``."""
        content = self._response.read(limit + 1)
        if len(content) > limit:
            raise SourceError(
                f"The {what} is larger than an image needs. Tell whoever runs the"
                " registry."
            )
        return content

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece; the reader counts."""
        while chunk := self._response.read(CHUNK):
            yield chunk


class Wire:
    """Requests over a kept connection a host. ``seconds_left`` bounds all of them."""

    def __init__(
        self, reach: Reach, tls: ssl.SSLContext, seconds_left: Callable[[], float]
    ) -> None:
        self._reach = reach
        self._tls = tls
        self._seconds_left = seconds_left
        self._kept: dict[Origin, _Connection] = {}

    def close(self) -> None:
        """Hang up."""
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        seconds: float = SECONDS,
    ) -> Iterator[Answer]:
        """One request and its answer; redirects are for the caller to judge.

        Refuses (RegistryFailure) in words what keeps it from being answered.
        """
        target = origin(url)
        connection, response = None, None
        try:
            with _explained(target):
                connection, response = self._answered(
                    target, method, url, headers, seconds
                )
                received = {name.lower(): text for name, text in response.getheaders()}
                yield Answer(response.status, received, response)
        finally:
            # Only a connection whose answer was read to its end can be used again.
            if connection and (response is None or not response.isclosed()):
                connection.close()
                self._kept.pop(target, None)

    def _answered(
        self,
        target: Origin,
        method: str,
        url: str,
        headers: Mapping[str, str],
        seconds: float,
    ) -> tuple[_Connection, http.client.HTTPResponse]:
        kept = self._kept.pop(target, None)
        if kept:
            try:
                return self._sent(kept, method, url, headers, seconds)
            except TimeoutError:
                kept.close()
                raise
            except BROKEN:
                kept.close()  # The other side hung up meanwhile.
        fresh = _Connection(target, self._reach, self._tls)
        try:
            return self._sent(fresh, method, url, headers, seconds)
        except BaseException:
            fresh.close()
            raise

    def _sent(
        self,
        connection: _Connection,
        method: str,
        url: str,
        headers: Mapping[str, str],
        seconds: float,
    ) -> tuple[_Connection, http.client.HTTPResponse]:
        parts = urlsplit(url)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        left = min(seconds, self._seconds_left())
        connection.deadline = time.monotonic() + left
        connection.request(method, path, headers={"Accept": "*/*", **headers})
        response = connection.getresponse()
        self._kept[connection.target] = connection
        return connection, response


@contextmanager
def _explained(target: Origin) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise RegistryFailure(
            f"The certificate of {target.host} is not trusted:"
            f" {error.verify_message or 'it does not fit'}.",
            "Add the CA certificate that signed it, or correct the address.",
        ) from error
    except ssl.SSLError as error:
        raise RegistryFailure(
            f"{target.host} does not speak TLS on port {target.port}.",
            "Check the port; for a registry without encryption begin with http://.",
        ) from error
    except TimeoutError as error:
        raise RegistryFailure(
            f"{target.host} did not answer in time.",
            "Check that it is running and that a firewall lets us through.",
            passing=True,
        ) from error
    except ConnectionRefusedError as error:
        raise RegistryFailure(
            f"{target.host} refused the connection on port {target.port}.",
            "Check the port and that the registry is running.",
            passing=True,
        ) from error
    except OSError as error:
        raise RegistryFailure(
            f"The connection to {target.host} broke off.",
            "Check that it is running, then try again.",
            passing=True,
        ) from error
    except http.client.HTTPException as error:
        raise RegistryFailure(
            f"{target.host} does not answer as a web server does.",
            "Check the address and the port.",
        ) from error


def tls_context(*, verify: bool, ca: str) -> ssl.SSLContext:
    """What certificates to trust: the system's, and ``ca`` beside them. Refuses (
    RegistryFailure) a CA that is none."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        try:
            context.load_verify_locations(cadata=ca)
        # TypeError: it is not even ASCII.
        except (ssl.SSLError, TypeError, ValueError) as error:
            raise RegistryFailure(
                "The CA certificate cannot be read.",
                "Paste it in PEM form, beginning with -----BEGIN CERTIFICATE-----.",
            ) from error
    return context
