"""A small read-only registry: OCI layouts over HTTP, as a process of its own.

It speaks as much of OCI Distribution as reading needs, asks for a login, and stands in
where no registry is installed: ``python -m tcss_billing.demo.registry PORT FOLDER…``.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER = "demo-reader"
PASSWORD = "DEMO_REGISTRY_PASSWORD"  # noqa: S105 -- the variable's name
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PATH = re.compile(r"/v2/(?P<name>.+)/(?P<what>tags|manifests|blobs)/(?P<which>[^/]+)")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Shelf:
    """Repositories: the layouts under some folders, by their path."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.layouts: dict[str, list[Path]] = {}
        self.indexes: dict[str, bytes] = {}
        for folder in folders:
            for index in sorted(folder.rglob("index.json")):
                name = str(index.parent.relative_to(folder))
                self.layouts.setdefault(name, []).append(index.parent)

    def tags(self, name: str) -> dict[str, str]:
        """The digest that each tag of a repository names: of a manifest, or of an index
        where it means several platforms."""
        named: dict[str, list[Any]] = {}
        for layout in self.layouts.get(name, ()):
            for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
                tag = entry["annotations"]["org.opencontainers.image.ref.name"]
                named.setdefault(tag, []).append(entry)
        return {tag: self._digest(entries) for tag, entries in named.items()}

    def _digest(self, entries: Sequence[Any]) -> str:
        if len(entries) == 1:
            return str(entries[0]["digest"])
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        content = json.dumps(body).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.indexes[digest] = content
        return digest

    def blob(self, name: str, digest: str) -> Path | None:
        """The file of a blob, if the repository has it."""
        if not DIGEST.fullmatch(digest):
            return None
        paths = (
            layout / "blobs" / "sha256" / digest[7:]
            for layout in self.layouts.get(name, ())
        )
        return next((path for path in paths if path.is_file()), None)


class Handler(BaseHTTPRequestHandler):
    """One request. ``shelf`` and ``login`` are the server's."""

    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; together with delayed ACKs that is 40 ms.
    disable_nagle_algorithm = True
    shelf: Shelf
    login: str

    def do_GET(self) -> None:
        """Answer a request."""
        told = self.headers.get("Authorization", "")
        if not hmac.compare_digest(told.encode(), self.login.encode()):
            wanted = {"WWW-Authenticate": 'Basic realm="demo"'}
            self._answer({"errors": [{"code": "UNAUTHORIZED"}]}, 401, wanted)
            return
        url = urlsplit(self.path)
        if url.path == "/v2/":
            self._answer({})
        elif url.path == "/v2/_catalog":
            self._page("repositories", sorted(self.shelf.layouts), url.path, url.query)
        elif match := PATH.fullmatch(url.path):
            self._of(match, url.query)
        else:
            self._missing()

    def do_HEAD(self) -> None:
        """The same without the body."""
        self.do_GET()

    def _of(self, match: re.Match[str], query: str) -> None:
        name, what, which = match["name"], match["what"], match["which"]
        tags = self.shelf.tags(name)
        if not tags:
            self._missing()
        elif what == "tags":
            self._page("tags", sorted(tags), match[0], query)
        else:
            self._content(name, tags.get(which, which), what)

    def _content(self, name: str, digest: str, what: str) -> None:
        kind = MANIFEST if what == "manifests" else "application/octet-stream"
        if index := self.shelf.indexes.get(digest):
            self._send(index, digest, INDEX)
        elif path := self.shelf.blob(name, digest):
            self._send(path.read_bytes(), digest, kind)
        else:
            self._missing()

    def _page(self, key: str, names: Sequence[str], path: str, query: str) -> None:
        asked = parse_qs(query)
        size, last = asked.get("n", [""])[0], asked.get("last", [""])[0]
        rest = [name for name in names if name > last]
        most = int(size) if size.isdecimal() and int(size) else len(rest)
        headers = {}
        if len(rest) > most:
            following = f"{path}?n={most}&last={rest[most - 1]}"
            headers["Link"] = f'<{following}>; rel="next"'
        self._answer({key: rest[:most]}, headers=headers)

    def _missing(self) -> None:
        self._answer({"errors": [{"code": "NAME_UNKNOWN"}]}, HTTPStatus.NOT_FOUND)

    def _answer(
        self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send(self, content: bytes, digest: str, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep no log: it would name what was asked with which login."""


def server(port: int, folders: Sequence[Path], password: str) -> ThreadingHTTPServer:
    """The registry, listening on loopback."""
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    bound = {"shelf": Shelf(folders), "login": f"Basic {pair}"}
    made = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), bound))
    made.daemon_threads = True
    return made


if __name__ == "__main__":
    places = [Path(argument) for argument in sys.argv[2:]]
    server(int(sys.argv[1]), places, os.environ[PASSWORD]).serve_forever()
