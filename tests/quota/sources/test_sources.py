"""Layouts, archives and engines, real and hostile."""

import hashlib
import io
import json
import os
import shutil
import socketserver
import subprocess
import tarfile
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import zstandard

from quota.sources import open_source
from quota.sources.content import FoundImage, SourceError
from quota.sources.layers import BlobLayer
from tcss_billing.demo.images import write_image
from tests.conftest import require


def found_in(kind: str, place: Path) -> list[FoundImage]:
    return list(open_source(kind, str(place)).find())


def first_bytes(kind: str, place: Path, found: FoundImage) -> bytes:
    with open_source(kind, str(place)).open(found.locator) as image:
        assert image.digest == found.facts.digest
        with image.layers[0].open() as stream:
            return stream.read(10)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    write_image(tmp_path / "in" / "team" / "app", tag="1.0", layers=[{"a": b"one"}])
    return tmp_path / "in"


def test_a_layout_names_its_images_and_reads_their_facts(layout: Path) -> None:
    (found,) = found_in("oci-layout", layout)

    assert (found.name, found.tag) == ("team/app", "1.0")
    assert (found.facts.os, found.facts.architecture) == ("linux", "amd64")
    assert found.facts.created_at
    assert first_bytes("oci-layout", layout, found)


def test_two_platforms_are_two_images_and_an_attestation_is_none(layout: Path) -> None:
    folder = layout / "team" / "app"
    write_image(folder, tag="1.0", layers=[{"a": b"two"}], architecture="arm64")
    path = folder / "index.json"
    index = json.loads(path.read_text())
    index["manifests"].append(
        {
            **index["manifests"][0],
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
    )
    path.write_text(json.dumps(index))

    found = found_in("oci-layout", layout)

    told = {each.facts.architecture: each.is_other_platform for each in found}
    assert told == {"amd64": False, "arm64": True}


def test_images_under_other_tags_or_without_amd64_are_no_other_platforms(
    layout: Path,
) -> None:
    folder = layout / "team" / "app"
    write_image(folder, tag="1.0-arm", layers=[{"a": b"one"}], architecture="arm64")
    for number, architecture in enumerate(("arm64", "s390x")):
        layers = [{"a": str(number).encode()}]
        write_image(folder, tag="2.0", layers=layers, architecture=architecture)

    found = found_in("oci-layout", layout)

    assert len(found) == 4
    assert not any(each.is_other_platform for each in found)


@pytest.mark.parametrize(
    "spoil",
    [
        b"not json",
        b"[]",
        b'{"manifests": [{"digest": "sha256:../../etc/passwd"}]}',
        b'{"manifests": [{"digest": 7}]}',
        b'{"manifests": [{}]}',
        b"[" * 100_000,
        b"{" + b" " * 5_000_000 + b"}",
    ],
)
def test_a_broken_layout_does_not_hide_the_others(layout: Path, spoil: bytes) -> None:
    write_image(layout / "bad", tag="1", layers=[{"a": b"x"}])
    (layout / "bad" / "index.json").write_bytes(spoil)
    source = open_source("oci-layout", str(layout))

    found = list(source.find())

    assert [each.name for each in found] == ["team/app"]
    assert len(source.problems) == 1


def test_a_locator_cannot_leave_its_source(layout: Path) -> None:
    source = open_source("oci-layout", str(layout / "team"))

    with (
        pytest.raises(SourceError, match="outside"),
        source.open(f"../../../etc@sha256:{'0' * 64}"),
    ):
        pass


def test_a_config_that_does_not_match_its_digest_is_refused(layout: Path) -> None:
    (found,) = found_in("oci-layout", layout)
    blobs = layout / "team" / "app" / "blobs" / "sha256"
    (blobs / found.facts.digest[7:]).write_bytes(b'{"os": "evil"}')
    source = open_source("oci-layout", str(layout))

    assert list(source.find()) == []
    assert "does not match its digest" in source.problems[0]


def test_an_archive_of_the_real_tool_is_the_same_image(
    layout: Path, tmp_path: Path
) -> None:
    require("skopeo", shutil.which("skopeo"))
    archive = tmp_path / "app.tar"
    subprocess.run(
        [
            "skopeo", "copy", "--quiet", "--insecure-policy",
            f"oci:{layout / 'team' / 'app'}:1.0",
            f"docker-archive:{archive}:team/app:1.0",
        ],
        check=True,
    )  # fmt: skip
    (inside,) = found_in("oci-layout", layout)

    (found,) = found_in("docker-archive", archive)

    assert (found.name, found.tag) == ("docker.io/team/app", "1.0")
    assert found.facts.os == inside.facts.os
    assert first_bytes("docker-archive", archive, found)


def archive_of(path: Path) -> str:
    """Write a legacy archive of one image by hand; return its image ID."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("a")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"one"))
    diff = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [diff]}}
    ).encode()
    digest = hashlib.sha256(config).hexdigest()
    manifest = [
        {"Config": f"{digest}.json", "RepoTags": ["app:2"], "Layers": ["l/layer.tar"]}
    ]
    files = {
        f"{digest}.json": config,
        "l/layer.tar": layer.getvalue(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return f"sha256:{digest}"


def test_a_legacy_archive_is_read(tmp_path: Path) -> None:
    digest = archive_of(tmp_path / "a.tar")

    (found,) = found_in("docker-archive", tmp_path / "a.tar")

    assert (found.name, found.tag, found.facts.digest) == ("app", "2", digest)
    assert first_bytes("docker-archive", tmp_path / "a.tar", found)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)

    with pytest.raises(SourceError):
        found_in("docker-archive", tmp_path / "a.tar")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A server on a Unix socket that speaks the engine's four calls."""
    digest = archive_of(tmp_path / "saved.tar")
    answers = {
        "/images/json": json.dumps([{"Id": digest, "RepoTags": ["app:2"]}]).encode(),
        "/containers/json": json.dumps([{"ImageID": digest}] * 2).encode(),
        f"/images/{digest}/json": json.dumps(
            {"Os": "linux", "Architecture": "amd64", "Size": 9}
        ).encode(),
        f"/images/{digest}/get": (tmp_path / "saved.tar").read_bytes(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path)
            self.send_response(200 if content else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def address_string(self) -> str:
            return "engine"

    path = tmp_path / "engine.sock"
    with socketserver.UnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


def test_an_engine_names_images_and_counts_what_runs(engine: Path) -> None:
    (found,) = found_in("engine", engine)

    assert (found.name, found.tag, found.containers) == ("app", "2", 2)
    assert first_bytes("engine", engine, found)


@pytest.fixture
def podman() -> Iterator[list[str]]:
    """A real engine of this test's own, answering at ``s`` in its folder."""
    require("podman", shutil.which("podman"))
    if os.geteuid() != 0:
        pytest.skip("Without root, podman needs id ranges that a machine may not have.")
    place = tempfile.mkdtemp(prefix="p")  # it takes no long paths
    storage = ["--root", f"{place}/root", "--runroot", f"{place}/run"]
    call = ["podman", *storage, "--storage-driver", "vfs", "--log-level", "error"]
    service = subprocess.Popen(
        [*call, "system", "service", "--time", "0", f"unix://{place}/s"]
    )
    try:
        yield call
    finally:
        service.terminate()
        service.wait(20)
        shutil.rmtree(place)


def test_a_real_engine_is_read(podman: list[str], layout: Path, tmp_path: Path) -> None:
    require("skopeo", shutil.which("skopeo"))
    engine = Path(podman[2]).parent / "s"
    inside = f"oci:{layout / 'team' / 'app'}:1.0"
    archive = f"docker-archive:{tmp_path / 'app.tar'}:team/app:1.0"
    for act in (
        ["skopeo", "copy", "--quiet", "--insecure-policy", inside, archive],
        [*podman, "load", "--quiet", "--input", str(tmp_path / "app.tar")],
        [*podman, "create", "--pull", "never", "docker.io/team/app:1.0", "a"],
    ):
        subprocess.run(act, check=True, capture_output=True)
    deadline = time.monotonic() + 20
    while not engine.exists() and time.monotonic() < deadline:
        time.sleep(0.1)

    (found,) = found_in("engine", engine)

    # The container was made but does not run.
    assert (found.name, found.tag, found.containers) == ("docker.io/team/app", "1.0", 0)
    assert found.facts.digest == found_in("oci-layout", layout)[0].facts.digest
    assert first_bytes("engine", engine, found)


def test_an_engine_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not answer"):
        found_in("engine", tmp_path / "none.sock")


def zstd_layout(folder: Path, compressed: bytes, plain: bytes) -> Path:
    """A layout whose one layer is stored as these bytes."""
    write_image(folder / "app", tag="1", layers=[{"a": b"one"}])
    blobs = folder / "app" / "blobs" / "sha256"

    def stored(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return f"sha256:{digest}"

    index = json.loads((folder / "app" / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    config["rootfs"]["diff_ids"] = [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    manifest["config"]["digest"] = stored(json.dumps(config).encode())
    manifest["layers"][0]["digest"] = stored(compressed)
    entry["digest"] = stored(json.dumps(manifest).encode())
    (folder / "app" / "index.json").write_text(json.dumps(index))
    return folder


def read_zstd(folder: Path) -> bytes:
    source = open_source("oci-layout", str(folder))
    (found,) = source.find()
    with source.open(found.locator) as image, image.layers[0].open() as stream:
        return stream.read()


def test_a_layer_of_several_zstd_frames_is_read_whole(tmp_path: Path) -> None:
    parts = [b"first " * 1000, b"second " * 1000]
    # A frame to be skipped carries the index of a lazily pulled layer.
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    frames = [zstandard.compress(part) for part in parts]
    stored = frames[0] + skipped + frames[1] + skipped

    assert read_zstd(zstd_layout(tmp_path, stored, b"".join(parts))) == b"".join(parts)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda stored: stored[: len(stored) // 2], "does not match its digest"),
        (lambda stored: stored[:8] + b"\xff" * 40, "zstd frames are damaged"),
        (lambda stored: stored + b"rubbish beyond the end", "zstd frames are damaged"),
    ],
)
def test_a_damaged_zstd_layer_is_a_reason(
    tmp_path: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    plain = bytes(range(256)) * 2000

    with pytest.raises(SourceError, match=words):
        read_zstd(zstd_layout(tmp_path, spoil(zstandard.compress(plain)), plain))


def test_a_zstd_frame_that_wants_much_memory_is_refused(tmp_path: Path) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    plain = b"x" * (1 << 20)
    stored = compressor.compress(plain) + compressor.flush()

    with pytest.raises(SourceError, match="too much memory"):
        read_zstd(zstd_layout(tmp_path, stored, plain))


def test_a_zstd_bomb_stops_at_the_limit_in_bounded_memory() -> None:
    bomb = zstandard.compress(bytes(64 * 1024**2), 19)
    layer = BlobLayer(
        digest=f"sha256:{hashlib.sha256(bomb).hexdigest()}",
        diff_id=f"sha256:{'0' * 64}",
        opener=lambda: io.BytesIO(bomb),
        limit=8 * 1024**2,
    )

    def read_all() -> None:
        with layer.open() as plain:
            while plain.read(1 << 16):
                pass

    tracemalloc.start()

    with pytest.raises(SourceError, match="larger than allowed"):
        read_all()

    assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    tracemalloc.stop()
