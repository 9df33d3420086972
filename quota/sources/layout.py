"""The images of one OCI layout, be it a folder or the inside of a tar."""

from collections.abc import Iterator

from quota.sources.content import FoundImage, SourceError, platforms_told
from quota.sources.names import named
from quota.sources.oci import (
    Blobs,
    Json,
    Report,
    Walk,
    blob_document,
    document,
    facts,
    opened_image,
    read_bounded,
    stored_size,
)
from quota.sources.opened import OpenedImage


def images_of(blobs: Blobs, default: str, report: Report) -> Iterator[FoundImage]:
    """Each image of the layout; its locator is the manifest's digest. Images that
    cannot be read are reported and do not hide the others."""
    yield from platforms_told(list(_readable(blobs, default, report)))


def _readable(blobs: Blobs, default: str, report: Report) -> Iterator[FoundImage]:
    index = document(read_bounded(blobs, "index.json"), "index")
    for entry, annotations in Walk(blobs, report).images(index):
        try:
            found = _found(blobs, entry, named(annotations, default))
        except SourceError as problem:
            report(str(problem))
            continue
        if found:
            yield found


def open_from(blobs: Blobs, digest: str) -> OpenedImage:
    """Open the image whose manifest has this digest."""
    manifest, _ = blob_document(blobs, digest, "manifest")
    image = opened_image(blobs, manifest)
    if image is None:
        raise SourceError("This is no longer an image. Update images.")
    return image


def _found(blobs: Blobs, entry: Json, name: tuple[str, str]) -> FoundImage | None:
    manifest, _ = blob_document(blobs, entry.get("digest"), "manifest")
    image = opened_image(blobs, manifest)
    if image is None:
        return None
    described = facts(image.config, image.digest, stored_size(manifest))
    return FoundImage(described, *name, str(entry["digest"]))
