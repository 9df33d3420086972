"""An engine behind the Harbor scanner API that really pulls what it is to scan."""

import base64
import json
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.quota.scanners.harbor_server import WEAK, Engine, send


def pulled(url: str, image: str, authorization: str, into: Path) -> str:
    """Pull with skopeo as an engine does; returns what went wrong, if anything."""
    kind, _, value = authorization.partition(" ")
    sign_in = {
        "Basic": lambda: ["--src-creds", base64.b64decode(value).decode()],
        "Bearer": lambda: ["--src-registry-token", value],
    }[kind]()
    host = url.partition("://")[2]
    done = subprocess.run(
        [
            "skopeo", "copy", "--insecure-policy", "--quiet", "--retry-times=0",
            "--src-tls-verify=false", *sign_in, f"docker://{host}/{image}",
            f"oci:{into}:pulled",
        ],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.stderr if done.returncode else ""


@dataclass(slots=True)
class PullingEngine(Engine):
    """An engine that pulls what it is told to scan, and reports on what it got."""

    folder: Path = Path()
    told: Any = None
    problem: str = ""

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Pull before saying that the scan was accepted."""
        if body:
            self.told = json.loads(body)
            self.problem = self.pull(self.folder / "first")
        if self.problem:
            send(handler, 500, {"error": {"message": self.problem[-120:]}})
            return
        if body:
            index = json.loads((self.folder / "first" / "index.json").read_bytes())
            self.digest = index["manifests"][0]["digest"]
            path = self.folder / "first/blobs/sha256" / self.digest[7:]
            top = json.loads(path.read_bytes())["layers"][-1]["digest"]
            self.vulnerabilities = [{**WEAK, "layer": {"digest": top}}]
        super(PullingEngine, self).answer(handler, body)

    def pull(self, into: Path) -> str:
        """Pull the image with the authorization it was given."""
        registry, artifact = self.told["registry"], self.told["artifact"]
        image = f"{artifact['repository']}@{artifact['digest']}"
        return pulled(registry["url"], image, registry["authorization"], into)
