"""What is read of layers that hide, repeat, link, or lie about their files."""

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pytest

from quota.scanners.filesystem import Limits, merged
from quota.scanners.port import ScanFailed

Entry = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Plain:
    """A layer in memory."""

    content: bytes
    digest: str = "sha256:0"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.content)


def layer(*entries: Entry, links: dict[str, str] | None = None) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.LNKTYPE, target
            tar.addfile(info)
    return archive.getvalue()


def read(*layers: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    plain = [Plain(content) for content in layers]
    found = merged(plain, lambda: 60, limits or Limits())
    return {file.path: file.content for file in found}


def test_a_hard_link_outlives_the_name_it_was_made_from() -> None:
    lower = layer(("tmp/a", b"evil"), links={"usr/bin/b": "tmp/a"})

    found = read(lower, layer(("tmp/.wh.a", b"")))

    assert found == {"usr/bin/b": b"evil"}


def test_a_hard_link_to_a_hard_link_is_read() -> None:
    found = read(layer(("a", b"x"), links={"b": "a", "c": "./b"}))

    assert found == {"a": b"x", "b": b"x", "c": b"x"}


def test_a_hard_link_that_an_upper_layer_removes_is_hidden() -> None:
    found = read(layer(("a", b"x"), links={"b": "a"}), layer((".wh.b", b"")))

    assert found == {"a": b"x"}


def test_a_name_repeated_in_one_layer_is_read_each_time() -> None:
    plain = [Plain(layer(("a", b"good"), ("a", b"evil")))]

    found = [file.content for file in merged(plain, lambda: 60, Limits())]

    assert found == [b"good", b"evil"]


def test_an_opaque_root_hides_everything_below() -> None:
    found = read(layer(("etc/old", b"x")), layer((".wh..wh..opq", b""), ("new", b"y")))

    assert found == {"new": b"y"}


def test_a_file_in_place_of_a_folder_hides_what_the_folder_held() -> None:
    found = read(layer(("srv/old", b"x")), layer(("srv", b"now a file")))

    assert found == {"srv": b"now a file"}


def test_a_damaged_header_is_not_taken_for_the_end() -> None:
    content = bytearray(layer(("a", b"1"), ("b", b"evil")))
    content[1024 + 148 : 1024 + 156] = b"9999999\0"

    with pytest.raises(ScanFailed, match="archive is damaged"):
        read(bytes(content))


def test_an_archive_cut_inside_a_header_is_not_taken_for_whole() -> None:
    with pytest.raises(ScanFailed, match="archive is damaged"):
        read(layer(("a", b"1"), ("b", b"evil"))[:1300])


def test_an_archive_without_its_closing_blocks_is_read() -> None:
    assert read(layer(("a", b"1"))[:1024]) == {"a": b"1"}


def test_an_enormous_header_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 64 * 1024**2
    content = info.tobuf(tarfile.USTAR_FORMAT) + bytes(info.size)
    tracemalloc.start()

    with pytest.raises(ScanFailed, match="archive is damaged"):
        read(content)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024**2


def test_more_files_than_allowed_are_refused_with_a_next_step() -> None:
    with pytest.raises(ScanFailed, match="Make it smaller"):
        read(layer(("a", b""), ("b", b"")), limits=Limits(files=1))


def test_only_the_beginning_of_a_large_file_is_kept_and_all_of_it_hashed() -> None:
    plain = [Plain(layer(("a", b"x" * 5000)))]

    (file,) = merged(plain, lambda: 60, Limits(kept=1000))

    assert (file.size, len(file.content)) == (5000, 1000)
    assert file.sha256.startswith("c59d3c04")
