"""Debian's docker-registry as a child process, filled by skopeo."""

import base64
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from quota.sources.distribution import Access
from quota.sources.opened import digest_of
from quota.sources.reach import Reach
from tests.conftest import require

PASSWORD = "letmein"
HTPASSWD = "reader:$2b$05$A5ZaablA46RrJMmFQjKJr.WAqySQJmpt3R0vlxjPG80/J2FxI3z7u"
PRIVATE = Reach(private=True)


@dataclass
class RealRegistry:
    """A running registry, and how to reach it."""

    port: int
    storage: Path
    scheme: str = "http"
    username: str = ""
    ca: str = ""
    ca_folder: Path | None = None

    @property
    def address(self) -> str:
        """What a customer would enter."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def access(self, **changes: Any) -> Access:
        """How to read it, rightly unless changed."""
        password = PASSWORD if self.username else ""
        right = {"username": self.username, "password": password, "ca": self.ca}
        return Access(self.address, **{**right, "reach": PRIVATE, **changes})

    def push(self, layout: Path, tag: str, to: str, *options: str) -> None:
        """Copy an image of a layout here, as a customer would."""
        login = ["--dest-creds", f"{self.username}:{PASSWORD}"] if self.username else []
        subprocess.run(
            [
                "skopeo", "copy", "--insecure-policy", "--quiet",
                "--dest-tls-verify=false", *login, *options,
                f"oci:{layout}:{tag}", f"docker://127.0.0.1:{self.port}/{to}",
            ],
            check=True,
        )  # fmt: skip

    def put_index(
        self, repository: str, tag: str, manifests: Sequence[Mapping[str, Any]]
    ) -> None:
        """Push an index over manifests that are there."""
        kind = "application/vnd.oci.image.index.v1+json"
        body = {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}
        self._put(f"/v2/{repository}/manifests/{tag}", json.dumps(body).encode(), kind)

    def manifest(self, repository: str, tag: str) -> dict[str, Any]:
        """A pushed manifest's descriptor."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        kind = "application/vnd.oci.image.manifest.v1+json"
        connection.request(
            "GET", f"/v2/{repository}/manifests/{tag}", headers={"Accept": kind}
        )
        content = connection.getresponse().read()
        connection.close()
        return {
            "mediaType": kind, "digest": digest_of(content), "size": len(content),
        }  # fmt: skip

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest and so every tag of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("DELETE", f"/v2/{repository}/manifests/{digest}")
        assert connection.getresponse().status == 202
        connection.close()

    def _put(self, path: str, body: bytes, kind: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("PUT", path, body, {"Content-Type": kind})
        response = connection.getresponse()
        assert response.status == 201, response.read()
        connection.close()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def real_registry(
    folder: Path, *, login: bool = False, tls: bool = False, tokens: str = ""
) -> Iterator[RealRegistry]:
    """Run a registry in ``folder``; ``tokens`` is the address of a token service."""
    program = shutil.which("docker-registry")
    require("docker-registry", program)
    require("skopeo", shutil.which("skopeo"))
    folder.mkdir(parents=True, exist_ok=True)
    registry = RealRegistry(free_port(), folder / "storage")
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(registry.storage)},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{registry.port}"},
    }
    if login:
        registry.username = "reader"
        (folder / "htpasswd").write_text(HTPASSWD)
        path = str(folder / "htpasswd")
        config["auth"] = {"htpasswd": {"realm": "test", "path": path}}
    if tokens:
        registry.username = "reader"
        config["auth"] = {
            "token": {
                "realm": tokens,
                "service": "test",
                "issuer": "test",
                "rootcertbundle": str(folder / "ca.pem"),
            }
        }
    if tls:
        authority = Authority()
        registry.scheme, registry.ca = "https", authority.pem
        files = authority.write_server(folder)
        config["http"]["tls"] = {"certificate": files[0], "key": files[1]}
    # The registry reads YAML, of which JSON is a part.
    (folder / "config.yml").write_text(json.dumps(config))
    assert program
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.yml")],
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        _wait(registry.port, process)
        yield registry
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "docker-registry ended at once"
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("docker-registry does not listen")


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65_537, 2_048)
    )

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self.certificate = self._signed(self.name, self.key, ca=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _signed(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(
                x509.BasicConstraints(ca=ca, path_length=None), critical=True
            )
        )
        if not ca:
            loopback = x509.IPAddress(IPv4Address("127.0.0.1"))
            builder = builder.add_extension(
                x509.SubjectAlternativeName([loopback]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())

    def write_server(self, folder: Path) -> tuple[str, str]:
        """Write a server's certificate and key; returns their paths."""
        key = rsa.generate_private_key(65_537, 2_048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        certificate = self._signed(name, key, ca=False)
        paths = folder / "server.pem", folder / "server.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return str(paths[0]), str(paths[1])


@contextmanager
def token_service(folder: Path) -> Iterator[str]:
    """A token service that the real registry trusts: it signs what ``reader`` asks."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority()
    (folder / "ca.pem").write_text(authority.pem)
    right = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != f"Basic {right}":
                self.send_error(401)
                return
            asked = parse_qs(urlsplit(self.path).query)
            body = json.dumps({"token": _token(authority, asked)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()
        thread.join()


def _token(authority: Authority, asked: Mapping[str, list[str]]) -> str:
    now = int(time.time())
    access = []
    for scope in asked.get("scope", []):
        kind, name, actions = scope.split(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    der = authority.certificate.public_bytes(serialization.Encoding.DER)
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
    claims = {
        "iss": "test", "sub": "reader", "aud": asked["service"][0], "jti": str(now),
        "exp": now + 300, "nbf": now - 60, "iat": now, "access": access,
    }  # fmt: skip
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = authority.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join((signed, _encoded(signature))).decode()


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def tls_server(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS and the authority that signed it."""
    authority = Authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.write_server(folder))
    return context, authority.pem
