"""A Docker-compatible engine, through its Unix socket."""

import http.client
import json
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from quota.sources.content import FoundImage, ImageFacts, SourceError
from quota.sources.docker_archive import DockerArchive
from quota.sources.oci import OpenedImage, checked_digest, facts
from quota.sources.oci_layout import split_reference

LARGEST_ANSWER = 64 * 1024**2
LARGEST_IMAGE = 16 * 1024**3
SECONDS = 60


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


class Engine:
    """The images of an engine, and how many running containers each has."""

    def __init__(self, location: str) -> None:
        self.socket = location
        self.problems: list[str] = []

    def find(self) -> Iterator[FoundImage]:
        """Each tagged image under each tag; untagged ones under their short ID."""
        running = Counter(
            str(container.get("ImageID")) for container in self._get("/containers/json")
        )
        for summary in self._get("/images/json"):
            digest = str(summary.get("Id"))
            try:
                described = self._facts(checked_digest(digest))
            except SourceError as problem:
                self.problems.append(f"{digest[:19]}: {problem}")
                continue
            tags = [tag for tag in summary.get("RepoTags") or [] if "<none>" not in tag]
            for name, tag in [split_reference(str(tag)) for tag in tags] or [
                (digest[7:19], "")
            ]:
                yield FoundImage(described, name, tag, digest, running[digest])

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Stream the image to a temporary archive and open that."""
        with tempfile.TemporaryDirectory(prefix="tcss-image-") as folder:
            archive = Path(folder) / "image.tar"
            self._save(checked_digest(locator), archive)
            with DockerArchive(str(archive)).open(locator) as image:
                yield image

    def _facts(self, digest: str) -> ImageFacts:
        inspected = self._get(f"/images/{quote(digest, safe=':')}/json")
        config = {
            "os": inspected.get("Os"),
            "architecture": inspected.get("Architecture"),
            "variant": inspected.get("Variant"),
            "created": inspected.get("Created"),
        }
        return facts(config, digest, int(inspected.get("Size") or 0))

    def _get(self, path: str) -> Any:
        with self._answer(path) as response:
            content = response.read(LARGEST_ANSWER + 1)
        if len(content) > LARGEST_ANSWER:
            raise SourceError("The engine's answer is larger than expected.")
        try:
            return json.loads(content)
        except ValueError as error:
            raise SourceError("The engine's answer is not valid JSON.") from error

    def _save(self, digest: str, archive: Path) -> None:
        with (
            self._answer(f"/images/{quote(digest, safe=':')}/get") as response,
            archive.open("wb") as file,
        ):
            shutil.copyfileobj(_Counted(response), file, 1 << 20)

    @contextmanager
    def _answer(self, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = _Connection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != 200:
                raise SourceError(
                    f"The engine answered {response.status} to {path[:60]}."
                )
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(
                f"The engine at {self.socket} does not answer. Is it running, and may"
                " this user read its socket?"
            ) from error
        finally:
            connection.close()


class _Counted:
    """A response that stops where an image would be too large."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self._left = LARGEST_IMAGE

    def read(self, size: int = -1) -> bytes:
        data = self._response.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise SourceError("The image is larger than allowed.")
        return data
