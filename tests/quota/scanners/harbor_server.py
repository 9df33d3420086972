"""A scanner behind an address: a real HTTP server that speaks Harbor's scanner API."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

OCI = "application/vnd.oci.image.manifest.v1+json"
NEW = "application/vnd.security.vulnerability.report; version=1.1"
OLD = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
METADATA = {
    "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.59.1"},
    "capabilities": [
        {
            "type": "vulnerability",
            "consumes_mime_types": [OCI],
            "produces_mime_types": [OLD, NEW],
        },
        {"type": "sbom", "consumes_mime_types": [OCI], "produces_mime_types": ["x"]},
    ],
    "properties": {
        "harbor.scanner-adapter/vulnerability-database-updated-at": (
            "2026-11-20T06:00:00Z"
        )
    },
}
WEAK = {
    "id": "CVE-2026-31844",
    "package": "openssl",
    "version": "3.0.15-1",
    "fix_version": "3.0.17-1",
    "severity": "Critical",
    "description": "Out-of-bounds write",
    "links": ["https://example.com"],
}


@dataclass(slots=True)
class Engine:
    """What the server answers; a test changes what it is about."""

    metadata: Any = field(default_factory=lambda: METADATA)
    vulnerabilities: Any = field(default_factory=lambda: [WEAK])
    pending: int = 2
    digest: str = ""
    override: Mapping[str, Callable[[BaseHTTPRequestHandler], None]] = field(
        default_factory=dict
    )
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer one request as the specification says."""
        path = handler.path
        said: Any = json.loads(body) if body else None
        self.asked.append((handler.command, path, dict(handler.headers), said))
        for part, answer in self.override.items():
            if path.endswith(part):
                return answer(handler)
        if path.endswith("/metadata"):
            return send(handler, 200, self.metadata)
        if path.endswith("/scan"):
            self.digest = self.digest or said["artifact"]["digest"]
            return send(handler, 202, {"id": "3fa85f64-5717"})
        if self.pending:
            self.pending -= 1
            elsewhere = {"Refresh-After": "0", "Location": "http://127.0.0.1:1/other"}
            return send(handler, 302, None, elsewhere)
        report = {
            "artifact": {"digest": self.digest},
            "scanner": METADATA["scanner"],
            "vulnerabilities": self.vulnerabilities,
        }
        return send(handler, 200, report)


Served = TypeVar("Served", bound=Engine)


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    said: Any,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send a status, headers and a JSON body."""
    body = b"" if said is None else json.dumps(said).encode()
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then: no single wait is long."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.1)
    except OSError:
        return


def pour(handler: BaseHTTPRequestHandler) -> None:
    """Send more than any report has."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(64):
            handler.wfile.write(b" " * 1024**2)
    except OSError:
        return


@contextmanager
def served(engine: Served) -> Iterator[Served]:
    """Serve the engine on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            engine.answer(self, b"")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            engine.answer(self, self.rfile.read(length))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        engine.address = f"http://127.0.0.1:{server.server_port}"
        yield engine
        server.shutdown()
        thread.join()
