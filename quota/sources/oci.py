"""The OCI image format: indexes, manifests, configs. Nothing in them is trusted."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quota.sources.content import ImageFacts, SourceError
from quota.sources.layers import BlobLayer

LARGEST_DOCUMENT = 4 * 1024**2
MOST_LAYERS = 500
DEEPEST_INDEX = 4
MOST_MANIFESTS = 2_000
DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ATTESTATION = "vnd.docker.reference.type"
ReadBlob = Callable[[str], bytes]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose config was read and checked; layers are read when asked for."""

    digest: str
    config: Json
    config_bytes: bytes
    layers: Sequence[BlobLayer]

    def write_layout(self, folder: Path) -> None:
        """Write an OCI layout of this one image into an empty folder."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for layer in self.layers:
            path = blobs / layer.digest[7:]
            if not path.exists():
                layer.copy_to(path)
        (blobs / self.digest[7:]).write_bytes(self.config_bytes)
        manifest = json.dumps(self._manifest(blobs)).encode()
        digest = digest_of(manifest)
        (blobs / digest[7:]).write_bytes(manifest)
        index = {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": digest,
                    "size": len(manifest),
                }
            ],
        }
        (folder / "index.json").write_text(json.dumps(index))
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def _manifest(self, blobs: Path) -> dict[str, Any]:
        def layer(path: Path) -> dict[str, Any]:
            with path.open("rb") as file:
                zipped = file.read(2) == b"\x1f\x8b"
            kind = "application/vnd.oci.image.layer.v1.tar"
            return {
                "mediaType": f"{kind}+gzip" if zipped else kind,
                "digest": f"sha256:{path.name}",
                "size": path.stat().st_size,
            }

        return {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": self.digest,
                "size": len(self.config_bytes),
            },
            "layers": [layer(blobs / each.digest[7:]) for each in self.layers],
        }


def digest_of(content: bytes) -> str:
    """The sha256 digest of some bytes, as images name them."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def document(content: bytes, what: str) -> Json:
    """Parse a JSON object of limited size. Refuses anything else."""
    if len(content) > LARGEST_DOCUMENT:
        raise SourceError(f"The {what} is larger than an image needs.")
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"The {what} is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise SourceError(f"The {what} is not a JSON object.")
    return parsed


def blob_document(read: ReadBlob, digest: object, what: str) -> tuple[Json, bytes]:
    """Read a document by its digest, which is recomputed and compared."""
    checked = checked_digest(digest)
    content = read(checked)
    if digest_of(content) != checked:
        raise SourceError(f"The {what} does not match its digest.")
    return document(content, what), content


def checked_digest(digest: object) -> str:
    """Return a digest that is one; it becomes part of a path."""
    if not isinstance(digest, str) or not DIGEST.match(digest):
        raise SourceError(f"{digest!r} is not a sha256 digest.")
    return digest


def descriptors(document: Json, key: str) -> Sequence[Json]:
    """The list of descriptors under ``key``; empty if there is none."""
    found = document.get(key)
    if not isinstance(found, list):
        return ()
    return [each for each in found if isinstance(each, dict)]


def image_manifests(
    read: ReadBlob, index: Json, depth: int = 0
) -> Iterator[tuple[Json, Json]]:
    """Walk an index: each image's descriptor and its annotations, one a platform.

    Attestations are not images (rules 5.1).
    """
    if depth > DEEPEST_INDEX:
        raise SourceError("The image's index is nested too deeply.")
    manifests = descriptors(index, "manifests")
    if len(manifests) > MOST_MANIFESTS:
        raise SourceError("The image's index lists too many manifests.")
    for entry in manifests:
        annotations = entry.get("annotations") or {}
        platform = entry.get("platform") or {}
        if ATTESTATION in annotations or platform.get("architecture") == "unknown":
            continue
        if entry.get("mediaType") not in INDEX_TYPES:
            yield entry, annotations
            continue
        nested, _ = blob_document(read, entry.get("digest"), "index")
        for inner, inner_annotations in image_manifests(read, nested, depth + 1):
            yield inner, {**inner_annotations, **annotations}


def facts(config: Json, digest: str, size: int) -> ImageFacts:
    """What an image's own config says of it."""
    return ImageFacts(
        digest=digest,
        os=_text(config, "os") or "unknown",
        architecture=_text(config, "architecture") or "unknown",
        variant=_text(config, "variant"),
        created_at=_instant(_text(config, "created")),
        size=size,
    )


def _text(config: Json, key: str) -> str:
    value = config.get(key)
    return value if isinstance(value, str) else ""


def _instant(text: str) -> datetime | None:
    """Parse RFC 3339; fractions beyond microseconds are cut."""
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        parsed = datetime.fromisoformat(shortened)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
