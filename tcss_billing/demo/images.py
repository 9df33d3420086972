"""Real OCI images, assembled on the spot from what this machine has installed."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

NAMES = (
    "payments/checkout-api", "payments/ledger-worker", "payments/fraud-model",
    "web/storefront", "web/catalog", "web/search-edge", "web/admin-console",
    "data/airflow-web", "data/spark-history", "data/feature-store", "data/ingest",
    "ml/triton-serve", "ml/trainer", "ml/embeddings", "platform/ingress-nginx",
    "platform/vault-agent", "platform/cert-renewer", "platform/log-shipper",
    "infra/postgres-exporter", "infra/backup-runner", "tools/ci-runner", "tools/linter",
    "base/debian", "base/python",
)  # fmt: skip
OLD_PYTHON = (
    ("Django", "3.2.0"), ("requests", "2.19.0"), ("Pillow", "8.0.0"),
    ("urllib3", "1.24"), ("PyYAML", "5.3"), ("Jinja2", "2.10"),
    ("cryptography", "3.1"), ("Werkzeug", "2.0.0"), ("Flask", "2.2.0"),
    ("certifi", "2021.5.30"), ("setuptools", "65.0.0"), ("sqlparse", "0.4.1"),
    ("aiohttp", "3.9.0"), ("gunicorn", "20.1.0"),
)  # fmt: skip
OLD_NPM = (
    ("lodash", "4.17.11"), ("minimist", "1.2.0"), ("axios", "0.21.0"), ("ws", "7.4.0"),
    ("node-fetch", "2.6.0"), ("express", "4.17.1"), ("moment", "2.29.1"),
)  # fmt: skip
OS_RELEASE = (
    b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
)
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FAKE_KEY = b"AKIA" + b"QWERTYTESTKEY234"
STANZA = "Package: {}\nStatus: install ok installed\nVersion: {}"
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Blob:
    """Some bytes and the digest an image names them by."""

    content: bytes

    @property
    def digest(self) -> str:
        """``sha256:…``."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


def layer(files: Files) -> tuple[Blob, str]:
    """A gzipped tar of these files, and its diff ID (the digest of the plain tar)."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path, content in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    unzipped = Blob(plain.getvalue())
    return Blob(gzip.compress(unzipped.content, 1, mtime=0)), unzipped.digest


def write_image(
    folder: Path,
    *,
    tag: str,
    layers: Sequence[Files],
    created: str = "2026-11-01T08:00:00Z",
    architecture: str = "amd64",
    damage: str = "",
) -> str:
    """Write an image into the OCI layout at ``folder`` and return its image ID.

    ``damage`` spoils its last layer: ``digest`` makes its content lie, ``truncated``
    cuts it short. A second image joins the layout's index.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    made = [layer(files) for files in layers]
    config = Blob(
        _json(
            {
                "created": created,
                "os": "linux",
                "architecture": architecture,
                "config": {"Cmd": ["/bin/app"]},
                "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]},
            }
        )
    )
    manifest = Blob(_json(_manifest(config, [blob for blob, _ in made])))
    for blob in (config, manifest, *[blob for blob, _ in made]):
        (blobs / blob.digest[7:]).write_bytes(blob.content)
    if damage:
        _spoil(blobs / made[-1][0].digest[7:], damage)
    _add_to_index(folder, manifest, tag, architecture)
    return config.digest


def _spoil(path: Path, damage: str) -> None:
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(gzip.compress(b"not what it was" * 100, mtime=0))


def _manifest(config: Blob, layers: Sequence[Blob]) -> dict[str, Any]:
    kind = "application/vnd.oci.image"
    return {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {
            "mediaType": f"{kind}.config.v1+json",
            "digest": config.digest,
            "size": len(config.content),
        },
        "layers": [
            {
                "mediaType": f"{kind}.layer.v1.tar+gzip",
                "digest": blob.digest,
                "size": len(blob.content),
            }
            for blob in layers
        ],
    }


def _add_to_index(folder: Path, manifest: Blob, tag: str, architecture: str) -> None:
    path = folder / "index.json"
    index = json.loads(path.read_bytes()) if path.exists() else {"manifests": []}
    index["schemaVersion"] = 2
    index["manifests"].append(
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": manifest.digest,
            "size": len(manifest.content),
            "platform": {"os": "linux", "architecture": architecture},
            "annotations": {"org.opencontainers.image.ref.name": tag},
        }
    )
    path.write_bytes(_json(index))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def assemble(folder: Path, *, count: int = 64) -> int:
    """Write ``count`` images under ``folder``, a layout a repository; returns how many.
    Some are there for arm64 too, under the same tag.

    Most hold slices of this machine's dpkg database and Python packages. Some hold old
    packages, planted test secrets or the EICAR file, two have a damaged layer.
    """
    stanzas = _dpkg()
    installed = sorted(distributions(), key=lambda each: str(each.name))
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        release = number // len(NAMES)
        damage = {count - 3: "digest", count - 7: "truncated"}.get(number, "")
        for architecture in ("amd64", "arm64")[: 2 if number % 16 == 1 else 1]:
            write_image(
                folder / name,
                tag=f"{2 + release}.{number % 7}.{number % 5}",
                layers=_layers(number, stanzas, installed),
                created=f"2026-11-{1 + number % 22:02}T0{number % 9}:15:00Z",
                architecture=architecture,
                damage=damage,
            )
    return count


def _layers(
    number: int, stanzas: Sequence[bytes], installed: Sequence[Distribution]
) -> Sequence[Files]:
    step = 60 + number % 40
    start = number * 7 % max(1, len(stanzas) - step)
    base = {
        "etc/os-release": OS_RELEASE,
        "etc/hostname": f"image-{number}".encode(),
        "var/lib/dpkg/status": b"\n\n".join(stanzas[start : start + step]) + b"\n",
    }
    app: dict[str, bytes] = {"srv/app/main.py": f"print({number})\n".encode()}
    for distribution in installed[number % 9 :: 9][:6]:
        app |= _slice(distribution)
    if number % 4 != 3:
        app |= _python(OLD_PYTHON[number % 5 :: 5 + number % 4])
    if number % 3 == 0:
        app |= _npm(OLD_NPM[number % 4 :])
    top = {"etc/build-id": f"build {number}\n".encode(), **_planted(number)}
    if number % 5 == 0:
        top["srv/app/.wh.main.py"] = b""
    return (base, app, top)


def _dpkg() -> Sequence[bytes]:
    """The stanzas of this machine's dpkg database; a small one where there is none."""
    path = Path("/var/lib/dpkg/status")
    if not path.exists():
        rows = (("openssl", "3.0.9-1"), ("bash", "5.2.15-2"), ("zlib1g", "1:1.2.13-1"))
        return [STANZA.format(name, version).encode() for name, version in rows * 100]
    return path.read_bytes().strip().split(b"\n\n")


def _slice(distribution: Distribution) -> Files:
    """An installed package's metadata and the first few of its modules."""
    name, version = str(distribution.name), distribution.version
    root = "usr/lib/python3/site-packages"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {f"{root}/{name}-{version}.dist-info/METADATA": metadata.encode()}
    modules = [each for each in distribution.files or [] if each.suffix == ".py"]
    for module in modules[:5]:
        path = Path(str(module.locate()))
        if path.is_file() and ".." not in module.parts:
            files[f"{root}/{module}"] = path.read_bytes()[:65_536]
    return files


def _python(rows: Sequence[tuple[str, str]]) -> Files:
    return {
        f"opt/venv/lib/{name}-{version}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
        )
        for name, version in rows
    }


def _npm(rows: Sequence[tuple[str, str]]) -> Files:
    return {
        f"srv/app/node_modules/{name}/package.json": _json(
            {"name": name, "version": version}
        )
        for name, version in rows
    }


def _planted(number: int) -> Files:
    """Test secrets that are nobody's, and the harmless file every scanner knows."""
    if number % 8 == 2:
        return {"srv/app/.env": b"DATABASE_PASSWORD=not-a-real-password\n"}
    if number % 8 == 5:
        return {"root/.aws/credentials": b"[default]\naws_access_key_id=" + FAKE_KEY}
    if number % 16 == 4:
        return {"usr/local/bin/update-helper": EICAR}
    return {}
