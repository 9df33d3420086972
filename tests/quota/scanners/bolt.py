"""Writes the database that the real Trivy reads: a bbolt file, by its format."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

PAGE = 4096
META, FREELIST, LEAF = 0x04, 0x10, 0x02
IS_BUCKET = 1
Bucket = Mapping[str, "Bucket | bytes"]


class _Pages:
    """Pages after the two metas; each bucket is one leaf, as long as it must be."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []

    @property
    def next(self) -> int:
        return 2 + len(self.pages)

    def add(self, flags: int, count: int, body: bytes) -> int:
        number, size = self.next, -(-(16 + len(body)) // PAGE)
        header = struct.pack("<QHHI", number, flags, count, size - 1)
        content = (header + body).ljust(size * PAGE, b"\0")
        starts = range(0, len(content), PAGE)
        self.pages += [content[start : start + PAGE] for start in starts]
        return number

    def add_bucket(self, bucket: Bucket) -> int:
        heads, bodies = b"", b""
        for place, (name, value) in enumerate(sorted(bucket.items())):
            key, is_bucket = name.encode(), not isinstance(value, bytes)
            held = (
                value
                if isinstance(value, bytes)
                else struct.pack("<QQ", self.add_bucket(value), 0)
            )
            offset = 16 * (len(bucket) - place) + len(bodies)
            heads += struct.pack("<IIII", is_bucket, offset, len(key), len(held))
            bodies += key + held
        return self.add(LEAF, len(bucket), heads + bodies)


def write_bolt(path: Path, root: Bucket) -> None:
    """Write a bbolt database with these buckets."""
    pages = _Pages()
    freelist = pages.add(FREELIST, 0, b"")
    top = pages.add_bucket(root)
    metas = b""
    for number in range(2):
        meta = struct.pack(
            "<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, top, 0, freelist, pages.next, number
        )
        header = struct.pack("<QHHI", number, META, 0, 0)
        metas += (header + meta + struct.pack("<Q", _fnv(meta))).ljust(PAGE, b"\0")
    path.write_bytes(metas + b"".join(pages.pages))


def _fnv(content: bytes) -> int:
    found = 0xCBF29CE484222325
    for octet in content:
        found = (found ^ octet) * 0x100000001B3 % 2**64
    return found


def write_trivy_database(cache: Path) -> None:
    """One advisory on openssl in Debian 12, dated."""
    folder = cache / "db"
    folder.mkdir(parents=True)
    write_bolt(
        folder / "trivy.db",
        {
            "data-source": {
                "debian 12": _json({"ID": "debian", "Name": "Debian tracker"})
            },
            "debian 12": {
                "openssl": {"CVE-2026-31844": _json({"FixedVersion": "3.0.17-1"})}
            },
            "vulnerability": {
                "CVE-2026-31844": _json({"Title": "Out of bounds", "Severity": "HIGH"})
            },
        },
    )
    dates = dict.fromkeys(("UpdatedAt", "DownloadedAt"), "2026-11-20T06:00:00Z")
    (folder / "metadata.json").write_bytes(
        _json({"Version": 2, "NextUpdate": "2099-01-01T00:00:00Z", **dates})
    )


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
