"""Folders of OCI layouts, and of archives beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quota.sources.content import FoundImage, SourceError
from quota.sources.docker_archive import DockerArchive
from quota.sources.layers import BlobLayer
from quota.sources.oci import (
    LARGEST_DOCUMENT,
    MOST_LAYERS,
    Json,
    OpenedImage,
    blob_document,
    checked_digest,
    descriptors,
    document,
    facts,
    image_manifests,
)

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
DEEPEST = 4


class OciLayouts:
    """A folder that is an OCI layout, or holds layouts and archives at some depth."""

    def __init__(self, location: str) -> None:
        self.root = Path(location)
        self.problems: list[str] = []

    def find(self) -> Iterator[FoundImage]:
        """Every image of every layout and archive; broken ones go to ``problems``."""
        if not self.root.is_dir():
            raise SourceError(f"{self.root} is not a folder that can be read.")
        for layout in self._layouts(self.root, DEEPEST):
            yield from self._images(layout)
        for archive in sorted(self.root.glob("*.tar")):
            inner = DockerArchive(str(archive))
            for found in inner.find():
                locator = f"{archive.name}!{found.locator}"
                yield FoundImage(found.facts, found.name, found.tag, locator)
            self.problems += inner.problems

    @contextmanager
    def open(self, locator: str) -> Iterator[OpenedImage]:
        """Open ``folder@manifest digest`` or ``archive!image``, as ``find`` gave it."""
        archive, is_archive, inner = locator.partition("!")
        if is_archive:
            with DockerArchive(str(self._inside(archive))).open(inner) as image:
                yield image
            return
        folder, _, digest = locator.rpartition("@")
        layout = self._inside(folder)
        manifest, _ = blob_document(_reader(layout), digest, "manifest")
        yield _opened(layout, manifest)

    def _inside(self, name: str) -> Path:
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise SourceError("The image lies outside of its source.")
        return path

    def _layouts(self, folder: Path, depth: int) -> Iterator[Path]:
        if (folder / "oci-layout").is_file():
            yield folder
        elif depth:
            for inner in sorted(folder.iterdir()):
                if inner.is_dir() and not inner.is_symlink():
                    yield from self._layouts(inner, depth - 1)

    def _images(self, layout: Path) -> Iterator[FoundImage]:
        read = _reader(layout)
        try:
            index = document(_limited(layout / "index.json"), "index")
            entries = list(image_manifests(read, index))
        except SourceError as problem:
            self.problems.append(f"{layout.name}: {problem}")
            return
        for entry, annotations in entries:
            try:
                yield self._image(layout, entry, annotations)
            except SourceError as problem:
                self.problems.append(f"{layout.name}: {problem}")

    def _image(self, layout: Path, entry: Json, annotations: Json) -> FoundImage:
        digest = checked_digest(entry.get("digest"))
        manifest, _ = blob_document(_reader(layout), digest, "manifest")
        opened = _opened(layout, manifest)
        size = sum(int(_size(each)) for each in descriptors(manifest, "layers"))
        folder = layout.relative_to(self.root)
        default = str(folder) if layout != self.root else layout.name
        name, tag = named(annotations, default)
        return FoundImage(
            facts(opened.config, opened.digest, size), name, tag, f"{folder}@{digest}"
        )


def named(annotations: Json, default: str) -> tuple[str, str]:
    """The name and tag that annotations give an image, else its folder's name."""
    full = str(annotations.get(FULL_NAME) or "")
    ref = str(annotations.get(REF_NAME) or "")
    text = full or (ref if "/" in ref or ":" in ref else "")
    if text:
        return split_reference(text)
    return default, ref


def split_reference(reference: str) -> tuple[str, str]:
    """Split ``host:5000/team/app:1.0`` into name and tag.

    >>> split_reference("host:5000/team/app:1.0"), split_reference("app")
    (('host:5000/team/app', '1.0'), ('app', ''))
    """
    name, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        return reference, ""
    return name, tag


def _size(descriptor: Json) -> int:
    size: Any = descriptor.get("size")
    return size if isinstance(size, int) and 0 <= size < 2**50 else 0


def _reader(layout: Path) -> Any:
    return lambda digest: _limited(layout / "blobs" / "sha256" / digest[7:])


def _limited(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise SourceError(f"{path.name[:19]} cannot be read.") from error


def _opened(layout: Path, manifest: Json) -> OpenedImage:
    layers = descriptors(manifest, "layers")
    if len(layers) > MOST_LAYERS:
        raise SourceError("The image has more layers than allowed.")
    config = manifest.get("config")
    if not isinstance(config, dict):
        raise SourceError("The manifest names no config.")
    parsed, content = blob_document(_reader(layout), config.get("digest"), "config")
    digest = checked_digest(config.get("digest"))
    return OpenedImage(
        digest, parsed, content, [_layer(layout, each) for each in layers]
    )


def _layer(layout: Path, descriptor: Json) -> BlobLayer:
    digest = checked_digest(descriptor.get("digest"))
    path = layout / "blobs" / "sha256" / digest[7:]
    return BlobLayer(digest, lambda: path.open("rb"))
