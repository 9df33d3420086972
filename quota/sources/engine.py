"""A Docker-compatible engine, through its Unix socket."""

import http.client
import json
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from quota.sources.content import (
    FoundImage,
    ImageFacts,
    SourceError,
    platforms_told,
    printable,
)
from quota.sources.docker_archive import MOST_TAGS, DockerArchive
from quota.sources.names import split_reference
from quota.sources.oci import Json, checked_digest, facts, items, part, text
from quota.sources.opened import OpenedImage

LARGEST_ANSWER = 64 * 1024**2
LARGEST_IMAGE = 16 * 1024**3
MOST_LISTED = 100_000
ANEW = " Update images; if it stays so, tell your administrator."
SECONDS = 60
CHUNK = 1 << 20
# Where the engine names images by manifest, and the image ID is only in the export.
AND = "/"


class EngineSilent(SourceError):
    """The engine is not there, as opposed to one image that is broken."""


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
        """Each tagged image under each tag; untagged ones under their short ID.

        A broken image goes to ``problems``. When the engine itself falls silent the
        rest is not taken for gone: that is refused (SourceError).
        """
        running = Counter(
            text(container, "ImageID").removeprefix("sha256:")
            for container in self._list("/containers/json")
        )
        for summary in self._list("/images/json"):
            name = text(summary, "Id").removeprefix("sha256:")
            try:
                for found in self._found(f"sha256:{name}", summary):
                    yield replace(found, containers=running[name])
            except EngineSilent:
                raise
            except SourceError as problem:
                self.problems.append(printable(f"{name[:12]}: {problem}"))

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Stream the image to a temporary archive and open that; its ID is recomputed
        from what came."""
        name, _, image_id = locator.partition(AND)
        with (
            self._saved(checked_digest(name)) as archive,
            archive.open(image_id or name) as image,
        ):
            yield image

    def _found(self, name: str, summary: Json) -> Iterator[FoundImage]:
        tags = items(summary, "RepoTags", str, MOST_TAGS)
        references = [split_reference(tag) for tag in tags if "<none>" not in tag]
        yield from platforms_told(
            [
                FoundImage(described, image_name, tag, locator)
                for locator, described in self._facts(checked_digest(name)).items()
                for image_name, tag in references or [(name[7:19], "")]
            ]
        )

    def _facts(self, name: str) -> dict[str, ImageFacts]:
        """What the image says of itself, by locator. An engine that names images by
        manifest exports it for that, as only the config's digest is the image ID."""
        inspected = self._get(f"/images/{quote(name, safe=':')}/json")
        if not isinstance(inspected, dict):
            raise SourceError(
                f"The engine's description of the image is damaged.{ANEW}"
            )
        if part(inspected, "Descriptor"):
            with self._saved(name) as archive:
                exported = {
                    f"{name}{AND}{found.locator}": found.facts
                    for found in archive.find()
                }
            self.problems += archive.problems
            return exported
        written = ("Os", "Architecture", "Variant", "Created")
        config = {key.lower(): inspected.get(key) for key in written}
        size = inspected.get("Size")
        if not isinstance(size, int) or not 0 <= size < 2**60:
            raise SourceError(
                f"The engine's description of the image is damaged.{ANEW}"
            )
        return {name: facts(config, name, size)}

    def _list(self, path: str) -> list[Json]:
        answer = self._get(path)
        return list(items({"answers": answer}, "answers", dict, MOST_LISTED))

    def _get(self, path: str) -> Any:
        with self._answer(path) as response:
            content = response.read(LARGEST_ANSWER + 1)
        if len(content) > LARGEST_ANSWER:
            raise SourceError(f"The engine's answer is larger than expected.{ANEW}")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"The engine's answer is not valid JSON.{ANEW}"
            ) from error

    @contextmanager
    def _saved(self, name: str) -> Iterator[DockerArchive]:
        with tempfile.TemporaryDirectory(prefix="tcss-image-") as folder:
            path = Path(folder) / "image.tar"
            with (
                self._answer(f"/images/{quote(name, safe=':')}/get") as response,
                path.open("wb") as file,
            ):
                left = LARGEST_IMAGE
                while chunk := response.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise SourceError(
                            "The image is larger than allowed. Make it smaller."
                        )
                    _write(file, chunk)
            yield DockerArchive(str(path))

    @contextmanager
    def _answer(self, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = _Connection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != 200:
                raise SourceError(
                    f"The engine answered {response.status} to {path[:60]}. Update"
                    " images."
                )
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise EngineSilent(
                f"The engine at {self.socket} does not answer. Check that it runs and"
                " that this user may read its socket."
            ) from error
        finally:
            connection.close()


def _write(file: BinaryIO, chunk: bytes) -> None:
    """A full disk is this machine's fault, not the engine's."""
    try:
        file.write(chunk)
    except OSError as error:
        raise SourceError(
            "There is no room here to unpack the image. Tell your administrator."
        ) from error
