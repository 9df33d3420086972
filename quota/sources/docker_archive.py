"""Archives of ``docker save`` and its kin, and tars of OCI layouts."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from quota.sources import archives
from quota.sources.archives import Archive
from quota.sources.content import FoundImage, SourceError, printable
from quota.sources.layers import CHUNK, GZIP_MAGIC, BlobLayer
from quota.sources.layout import images_of, open_from
from quota.sources.names import split_reference
from quota.sources.oci import (
    MOST_LAYERS,
    Json,
    checked_digest,
    document,
    facts,
    items,
    layer_digests,
    parsed,
    read_bounded,
)
from quota.sources.opened import OpenedImage, digest_of

MOST_IMAGES = 1_000
MOST_TAGS = 1_000


class DockerArchive:
    """One tar; it may hold several images. Nothing is ever extracted to disk."""

    def __init__(self, location: str) -> None:
        self.path = Path(location)
        self.problems: list[str] = []

    def find(self) -> Iterator[FoundImage]:
        """Each image under each of its tags; broken ones go to ``problems``."""
        with archives.opened(self.path) as archive:
            if "manifest.json" not in archive:
                yield from images_of(archive, self.path.stem, self._report)
                return
            for entry in _entries(archive):
                try:
                    yield from self._found(archive, entry)
                except SourceError as problem:
                    self._report(str(problem))

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Open the image whose ID, or in a tar of a layout whose manifest, is
        ``locator``. Broken images beside it do not matter."""
        with archives.opened(self.path) as archive:
            if "manifest.json" not in archive:
                yield open_from(archive, locator)
                return
            for entry in _entries(archive):
                if _config_digest(archive, entry) == locator:
                    yield _image(archive, entry)
                    return
        raise SourceError("The archive no longer holds this image. Update images.")

    def _found(self, archive: Archive, entry: Json) -> Iterator[FoundImage]:
        config, content, names = _config(archive, entry)
        layer_digests(config, len(names))
        size = sum(archive.size(name) for name in names)
        described = facts(config, digest_of(content), size)
        tags = items(entry, "RepoTags", str, MOST_TAGS)
        references = [split_reference(tag) for tag in tags]
        for name, tag in references or [(printable(self.path.stem), "")]:
            yield FoundImage(described, name, tag, described.digest)

    def _report(self, problem: str) -> None:
        self.problems.append(printable(f"{self.path.name}: {problem}"))


def _entries(archive: Archive) -> list[Json]:
    manifest = parsed(read_bounded(archive, "manifest.json"), "archive's manifest")
    return list(items({"images": manifest}, "images", dict, MOST_IMAGES))


def _config_digest(archive: Archive, entry: Json) -> str:
    try:
        return digest_of(read_bounded(archive, str(entry.get("Config"))))
    except SourceError:
        # Not the one that is looked for; find() has told what is wrong with it.
        return ""


def _config(archive: Archive, entry: Json) -> tuple[Json, bytes, Sequence[str]]:
    content = read_bounded(archive, str(entry.get("Config")))
    names = items(entry, "Layers", str, MOST_LAYERS)
    return document(content, "config"), content, names


def _image(archive: Archive, entry: Json) -> OpenedImage:
    config, content, names = _config(archive, entry)
    diff_ids = layer_digests(config, len(names))
    layers = [
        BlobLayer(
            _stored_digest(archive, name, diff_id), diff_id, partial(archive.open, name)
        )
        for name, diff_id in zip(names, diff_ids, strict=True)
    ]
    return OpenedImage(digest_of(content), config, content, layers)


def _stored_digest(archive: Archive, name: str, diff_id: str) -> str:
    """Newer archives store a blob under its digest, older ones the plain tar under a
    name of its own; some tools gzip that, and then nothing tells the digest."""
    if name.startswith("blobs/sha256/"):
        return checked_digest(f"sha256:{name.rpartition('/')[2]}")
    with archive.open(name) as file:
        if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
            return diff_id
        file.seek(0)
        hashed = hashlib.sha256()
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
        return f"sha256:{hashed.hexdigest()}"
