"""An opened image, and how it is written out again for engines that want a path."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quota.sources.content import SourceError
from quota.sources.layers import GZIP_MAGIC, ZSTD_MAGIC, BlobLayer

LARGEST_IMAGE = 16 * 1024**3
KIND = "application/vnd.oci.image"


def digest_of(content: bytes) -> str:
    """The sha256 digest of some bytes, as images name them."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose config was read and checked; layers are read when asked for."""

    digest: str
    config: Mapping[str, Any]
    config_bytes: bytes
    layers: Sequence[BlobLayer]

    def write_layout(self, folder: Path) -> None:
        """Write an OCI layout of this one image into an empty folder. Refuses layers
        that are damaged or, together, too large."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        left = LARGEST_IMAGE
        for layer in self.layers:
            path = blobs / layer.digest[7:]
            if not path.exists():
                left -= layer.copy_to(path)
            if left < 0:
                raise SourceError("The image is larger than allowed. Make it smaller.")
        _write(blobs, self.config_bytes)
        manifest = _json(self._manifest(blobs))
        described = _described(f"{KIND}.manifest.v1+json", _write(blobs, manifest))
        index = {"schemaVersion": 2, "manifests": [described]}
        (folder / "index.json").write_bytes(_json(index))
        (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))

    def _manifest(self, blobs: Path) -> dict[str, Any]:
        return {
            "schemaVersion": 2,
            "mediaType": f"{KIND}.manifest.v1+json",
            "config": _described(f"{KIND}.config.v1+json", blobs / self.digest[7:]),
            "layers": [
                _described(_layer_type(path), path)
                for path in (blobs / layer.digest[7:] for layer in self.layers)
            ],
        }


def _described(media_type: str, path: Path) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{path.name}",
        "size": path.stat().st_size,
    }


def _layer_type(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    compressed = {GZIP_MAGIC: "+gzip", ZSTD_MAGIC: "+zstd"}
    suffixes = [word for magic, word in compressed.items() if start.startswith(magic)]
    return "".join([f"{KIND}.layer.v1.tar", *suffixes])


def _write(blobs: Path, content: bytes) -> Path:
    path = blobs / digest_of(content)[7:]
    path.write_bytes(content)
    return path


def _json(content: object) -> bytes:
    return json.dumps(content).encode()
