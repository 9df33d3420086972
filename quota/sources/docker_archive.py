"""Archives of ``docker save``: a tar with a manifest.json."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, cast

from quota.sources.content import FoundImage, SourceError
from quota.sources.layers import BlobLayer
from quota.sources.oci import (
    LARGEST_DOCUMENT,
    MOST_LAYERS,
    Json,
    OpenedImage,
    digest_of,
    document,
    facts,
)

MOST_IMAGES = 1_000


class DockerArchive:
    """One tar; it may hold several images. Nothing is ever extracted to disk."""

    def __init__(self, location: str) -> None:
        self.path = Path(location)
        self.problems: list[str] = []

    def find(self) -> Iterator[FoundImage]:
        """Each image under each of its tags."""
        with self._tar() as tar:
            for entry in self._entries(tar):
                try:
                    image, size = self._image(tar, entry)
                except SourceError as problem:
                    self.problems.append(f"{self.path.name}: {problem}")
                    continue
                described = facts(image.config, image.digest, size)
                for name, tag in _references(entry, self.path):
                    yield FoundImage(described, name, tag, image.digest)

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Open the image whose ID is ``locator``."""
        with self._tar() as tar:
            for entry in self._entries(tar):
                image, _ = self._image(tar, entry)
                if image.digest == locator:
                    yield image
                    return
        raise SourceError("The archive no longer holds this image. Update images.")

    @contextmanager
    def _tar(self) -> Iterator[tarfile.TarFile]:
        try:
            with tarfile.open(self.path, "r:") as tar:
                yield tar
        except (OSError, tarfile.TarError) as error:
            raise SourceError(f"{self.path.name} is not a readable archive.") from error

    def _entries(self, tar: tarfile.TarFile) -> list[Json]:
        try:
            parsed = json.loads(_member(tar, "manifest.json"))
        except ValueError as error:
            raise SourceError("The archive's manifest is not valid JSON.") from error
        if not isinstance(parsed, list) or len(parsed) > MOST_IMAGES:
            raise SourceError("The archive's manifest is not a list of images.")
        return [entry for entry in parsed if isinstance(entry, dict)]

    def _image(self, tar: tarfile.TarFile, entry: Json) -> tuple[OpenedImage, int]:
        content = _member(tar, str(entry.get("Config")))
        config = document(content, "config")
        names = [str(name) for name in entry.get("Layers") or []]
        digests = (config.get("rootfs") or {}).get("diff_ids") or []
        if len(names) > MOST_LAYERS or len(names) != len(digests):
            raise SourceError("The image's layers do not match its config.")
        layers = [
            BlobLayer(_stored_digest(tar, name, str(digest)), partial(_open, tar, name))
            for name, digest in zip(names, digests, strict=True)
        ]
        size = sum(_info(tar, name).size for name in names)
        return OpenedImage(digest_of(content), config, content, layers), size


def _references(entry: Json, path: Path) -> list[tuple[str, str]]:
    tags = [str(tag) for tag in entry.get("RepoTags") or []]
    pairs = [tag.rpartition(":") for tag in tags]
    return [(name or tag, tag if name else "") for name, _, tag in pairs] or [
        (path.stem, "")
    ]


def _info(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    try:
        info = tar.getmember(name)
        if info.issym() or info.islnk():
            # docker save links a layer that two images share; only inside the tar.
            info = tar._find_link_target(info)  # type: ignore[attr-defined]
    except KeyError as error:
        raise SourceError(f"The archive lacks {name[:80]}.") from error
    if not info.isfile():
        raise SourceError(f"{name[:80]} in the archive is not a file.")
    return info


def _open(tar: tarfile.TarFile, name: str) -> BinaryIO:
    return cast(BinaryIO, tar.extractfile(_info(tar, name)))


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    info = _info(tar, name)
    if info.size > LARGEST_DOCUMENT:
        raise SourceError(f"{name[:80]} is larger than an image needs.")
    return cast(IO[bytes], tar.extractfile(info)).read()


def _stored_digest(tar: tarfile.TarFile, name: str, diff_id: str) -> str:
    """Layers are stored uncompressed under their diff ID; newer archives store the
    blob itself under a path that is its digest."""
    stem = name.rpartition("/")[2]
    is_blob = name.startswith("blobs/sha256/") and len(stem) == 64
    return f"sha256:{stem}" if is_blob else diff_id
