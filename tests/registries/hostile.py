"""A registry that answers whatever a test wants, over real HTTP."""

import gzip
import io
import json
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from quota.sources.distribution import Access
from quota.sources.opened import digest_of
from tests.registries.real import PRIVATE

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
Answer = Callable[["Handler"], None]


@dataclass
class Registry:
    """Paths and what each answers; ``asked`` records the requests."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers["/v2/"] = body(b"{}")

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def access(self, **changes: Any) -> Access:
        """How to read it."""
        return Access(self.address, **{"reach": PRIVATE, **changes})

    def holds(
        self,
        repository: str = "team/app",
        tag: str = "1.0",
        *,
        layers: tuple[tuple[bytes, bytes], ...] = (),
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Hold one image of these (stored, plain) layers; returns its image ID."""
        described = [
            (digest_of(stored), len(stored), digest_of(plain))
            for stored, plain in layers
        ]
        for stored, _ in layers:
            blob = f"/v2/{repository}/blobs/{digest_of(stored)}"
            self.answers[blob] = body(stored)
        return self.holds_described(described, repository, tag, config)

    def holds_described(
        self,
        layers: Sequence[tuple[str, int, str]],
        repository: str = "team/app",
        tag: str = "1.0",
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Hold one image of layers told by digest, size and diff ID."""
        about = json.dumps(
            {
                "os": "linux",
                "architecture": "amd64",
                "created": "2026-11-01T00:00:00Z",
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [plain for *_, plain in layers],
                },
                **(config or {}),
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": digest_of(about),
                    "size": len(about),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                        "digest": digest,
                        "size": size,
                    }
                    for digest, size, _ in layers
                ],
            }
        ).encode()
        at = f"/v2/{repository}"
        self.answers["/v2/_catalog"] = document({"repositories": [repository]})
        self.answers[f"{at}/tags/list"] = document({"tags": [tag]})
        for reference in (tag, digest_of(manifest)):
            told = {"Docker-Content-Digest": digest_of(manifest)}
            self.answers[f"{at}/manifests/{reference}"] = body(
                manifest, MANIFEST, headers=told
            )
        self.answers[f"{at}/blobs/{digest_of(about)}"] = body(about)
        return digest_of(about)


class Handler(BaseHTTPRequestHandler):
    """Looks the path up; anything else is 404."""

    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; together with delayed ACKs that is 40 ms.
    disable_nagle_algorithm = True
    registry: Registry

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.registry.asked.append((self.command, self.path, dict(self.headers)))
        answer = self.registry.answers.get(path)
        if answer is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 -- the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def body(
    content: bytes,
    kind: str = "application/json",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer with these bytes."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, text in (headers or {}).items():
            handler.send_header(name, text)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    return answer


def document(content: object, **more: Any) -> Answer:
    """Answer with JSON."""
    return body(json.dumps(content).encode(), **more)


def catalogue(names: Sequence[str]) -> Answer:
    """Answer with the names after ``last``, ``n`` a page, as registries do."""

    def answer(handler: Handler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        most, last = int(asked["n"][0]), asked.get("last", [""])[0]
        rest = [name for name in sorted(names) if name > last]
        headers = {}
        if len(rest) > most:
            following = f"/v2/_catalog?n={most}&last={rest[most - 1]}"
            headers["Link"] = f'<{following}>; rel="next"'
        document({"repositories": rest[:most]}, headers=headers)(handler)

    return answer


def status(code: int, **headers: str) -> Answer:
    """Answer with nothing but a status."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return body(b"{}", status=code, headers=named)


def hang(handler: Handler) -> None:
    """Take the request and say nothing until the other side gives up."""
    handler.connection.settimeout(60)
    with suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Answer one byte at a time, for ever: every read succeeds, none is enough."""
    try:
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            handler.connection.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def garbage(handler: Handler) -> None:
    """Answer no HTTP at all."""
    handler.connection.sendall(b"\x00\x01\x02 this is not HTTP\r\n\r\n" * 5)
    handler.close_connection = True


def endless(megabytes: int, kind: str = MANIFEST) -> Answer:
    """Answer with very much."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(megabytes << 20))
        handler.end_headers()
        for _ in range(megabytes):
            handler.wfile.write(b"[" * (1 << 20))

    return answer


@contextmanager
def hostile_registry() -> Iterator[Registry]:
    """Run one on a free port of loopback."""
    registry = Registry()
    handler = type("Bound", (Handler,), {"registry": registry})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tar_of(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    """A plain tar of files and whatever else."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return plain.getvalue()


def layer_of(*members: tarfile.TarInfo | tuple[str, bytes]) -> tuple[bytes, bytes]:
    """A layer: stored and plain."""
    plain = tar_of(*members)
    return gzip.compress(plain, 1, mtime=0), plain


def closed_port() -> int:
    """A port at which connections are refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
