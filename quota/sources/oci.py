"""The OCI image format: indexes, manifests, configs. Nothing in them is trusted."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, Protocol

from quota.sources.content import ImageFacts, SourceError, printable
from quota.sources.layers import BlobLayer
from quota.sources.opened import OpenedImage, digest_of

LARGEST_DOCUMENT = 4 * 1024**2
MOST_LAYERS = 500
DEEPEST_INDEX = 4
MOST_MANIFESTS = 2_000
AGAIN = " Push or save the image again."
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# A manifest may also describe a chart, a signature or a bill of materials.
CONFIG_TYPES = (
    None,
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
ATTESTATION = "vnd.docker.reference.type"
Json = Mapping[str, Any]
Report = Callable[[str], object]


class Blobs(Protocol):
    """Named files: of a folder, or of a tar."""

    def open(self, name: str) -> BinaryIO:
        """Open a file by its path. Refuses (SourceError) what is none."""
        ...


def checked_digest(digest: object) -> str:
    """Return a digest that is one; it becomes part of a path."""
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise SourceError(f"{str(digest)[:80]!r} is not a sha256 digest.{AGAIN}")
    return digest


def blob_path(digest: object) -> str:
    """Where a layout keeps the blob of this digest."""
    return f"blobs/sha256/{checked_digest(digest)[7:]}"


def read_bounded(blobs: Blobs, name: str) -> bytes:
    """Read a document whole. Refuses one larger than images need."""
    with blobs.open(name) as file:
        content = file.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise SourceError(f"{name[:80]} is larger than an image needs.{AGAIN}")
    return content


def parsed(content: bytes, what: str, step: str = AGAIN) -> Any:
    """Parse JSON. Refuses what is none, and says what to do about it."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"The {what} is not valid JSON.{step}") from error


def document(content: bytes, what: str, step: str = AGAIN) -> Json:
    """Parse a JSON object. Refuses anything else."""
    found = parsed(content, what, step)
    if not isinstance(found, dict):
        raise SourceError(f"The {what} is not a JSON object.{step}")
    return found


def part(document: Json, key: str) -> Json:
    """The object under ``key``; an empty one if there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def text(document: Json, key: str) -> str:
    """The text under ``key`` without what cannot be shown; empty if there is none."""
    found = document.get(key)
    return printable(found) if isinstance(found, str) else ""


def items(document: Json, key: str, kind: type, most: int) -> Sequence[Any]:
    """The list under ``key``. Refuses one with other things in it than ``kind``, for
    what is passed over would never be looked at, and one that is too long."""
    found = document.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or any(type(each) is not kind for each in found):
        raise SourceError(f"The list of {key} is damaged.{AGAIN}")
    if len(found) > most:
        raise SourceError(
            f"The list of {key} is longer than allowed. Build the image with fewer."
        )
    return found


def blob_document(blobs: Blobs, digest: object, what: str) -> tuple[Json, bytes]:
    """Read a document by its digest, which is recomputed and compared."""
    content = read_bounded(blobs, blob_path(digest))
    if digest_of(content) != digest:
        raise SourceError(f"The {what} does not match its digest.{AGAIN}")
    return document(content, what), content


@dataclass(slots=True)
class Walk:
    """A walk through an index and the indexes in it: one image a platform.

    Attestations are not images (rules 5.1). A broken index is reported and does not
    hide its neighbours.
    """

    blobs: Blobs
    report: Report
    left: int = MOST_MANIFESTS

    def images(self, index: Json, depth: int = 0) -> Iterator[tuple[Json, Json]]:
        """Each image's descriptor, and its annotations with those of its index."""
        if depth > DEEPEST_INDEX:
            raise SourceError(f"The image's index is nested too deeply.{AGAIN}")
        for entry in items(index, "manifests", dict, MOST_MANIFESTS):
            self.left -= 1
            if self.left < 0:
                self._say_once(f"The image's index lists too many manifests.{AGAIN}")
                return
            annotations = part(entry, "annotations")
            if ATTESTATION in annotations or _is_unknown(part(entry, "platform")):
                continue
            if entry.get("mediaType") not in INDEX_TYPES:
                yield entry, annotations
                continue
            for inner, inner_annotations in self._nested(entry, depth):
                yield inner, {**inner_annotations, **annotations}

    def _nested(self, entry: Json, depth: int) -> Iterator[tuple[Json, Json]]:
        try:
            nested, _ = blob_document(self.blobs, entry.get("digest"), "index")
            yield from self.images(nested, depth + 1)
        except SourceError as problem:
            self.report(str(problem))

    def _say_once(self, problem: str) -> None:
        if self.left == -1:
            self.report(problem)


def _is_unknown(platform: Json) -> bool:
    return "unknown" in {platform.get("os"), platform.get("architecture")}


def opened_image(blobs: Blobs, manifest: Json) -> OpenedImage | None:
    """Read an image's config; None if the manifest describes something else.

    Refuses a manifest whose layers are not those its config names.
    """
    described = part(manifest, "config")
    if described.get("mediaType") not in CONFIG_TYPES or manifest.get("artifactType"):
        return None
    config, content = blob_document(blobs, described.get("digest"), "config")
    layers = items(manifest, "layers", dict, MOST_LAYERS)
    diff_ids = layer_digests(config, len(layers))
    return OpenedImage(
        digest_of(content),
        config,
        content,
        [
            BlobLayer(
                checked_digest(layer.get("digest")),
                diff_id,
                partial(blobs.open, blob_path(layer.get("digest"))),
            )
            for layer, diff_id in zip(layers, diff_ids, strict=True)
        ],
    )


def layer_digests(config: Json, count: int) -> Sequence[str]:
    """The digests of the uncompressed layers that a config names. Refuses another
    number of them than the image has layers."""
    found = items(part(config, "rootfs"), "diff_ids", str, MOST_LAYERS)
    if len(found) != count:
        raise SourceError(f"The image's layers do not match its config.{AGAIN}")
    return [checked_digest(each) for each in found]


def stored_size(manifest: Json) -> int:
    """The bytes of all layers, as the manifest describes them."""
    sizes = [each.get("size") for each in items(manifest, "layers", dict, MOST_LAYERS)]
    return sum(size for size in sizes if type(size) is int and 0 <= size < 2**50)


def facts(config: Json, digest: str, size: int) -> ImageFacts:
    """What an image's own config says of it."""
    return ImageFacts(
        digest=digest,
        os=text(config, "os") or "unknown",
        architecture=text(config, "architecture") or "unknown",
        variant=text(config, "variant"),
        created_at=_instant(text(config, "created")),
        size=size,
    )


def _instant(written: str) -> datetime | None:
    """Parse RFC 3339; fractions beyond microseconds are cut."""
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", written)
    try:
        instant = datetime.fromisoformat(shortened)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
