"""ClamAV: its real daemon with a signature of ours, and sockets that misbehave."""

import hashlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import pytest

from quota.scanners import Beside, Engines, UnknownScanner
from quota.scanners.clamd import Address, ClamdScanner
from quota.scanners.filesystem import Limits
from quota.scanners.http_api import BadAddress
from quota.scanners.port import Assessment, Category, Report, ScanFailed, Severity
from quota.sources import open_source
from tcss_billing.demo.images import EICAR, Files, write_image
from tests.conftest import require
from tests.quota.scanners.test_builtin import Facts

ALL = frozenset(Category)
TROJANS = frozenset({Category.TROJANS})
BAD = b"#!/bin/sh\necho this file is only a test\n"
CONFIGURATION = """
LocalSocket {folder}/clamd.sock
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
LogFile {folder}/clamd.log
PidFile {folder}/clamd.pid
Foreground yes
StreamMaxLength 1M
"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[str]:
    """A daemon of this run's own, which knows one bad file."""
    program = shutil.which("clamd") or shutil.which("/usr/sbin/clamd")
    require("clamd (clamav-daemon)", program)
    with tempfile.TemporaryDirectory(prefix="clamd-") as name:
        folder = Path(name)
        (folder / "signatures").mkdir()
        md5 = hashlib.md5(BAD, usedforsecurity=False).hexdigest()
        signature = f"{md5}:{len(BAD)}:Test.Trojan.Ours\n"
        (folder / "signatures" / "ours.hdb").write_text(signature)
        (folder / "clamd.conf").write_text(CONFIGURATION.format(folder=folder))
        started = subprocess.Popen(
            [str(program), "--config-file", str(folder / "clamd.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            path = folder / "clamd.sock"
            for _ in range(300):
                if path.exists() or started.poll() is not None:
                    break
                time.sleep(0.1)
            assert path.exists(), (folder / "clamd.log").read_text()
            yield str(path)
        finally:
            started.terminate()
            started.wait(30)


def scan(
    folder: Path,
    address: str,
    *layers: Files,
    limits: Limits | None = None,
    seconds: float = 60,
) -> Report:
    write_image(folder / "images" / "app", tag="1", layers=layers)
    source = open_source("oci-layout", str(folder / "images"))
    (found,) = source.find()
    scanner = ClamdScanner(address, limits) if limits else ClamdScanner(address)
    with source.open(found.locator) as image:
        return scanner.scan(image, ALL, lambda: seconds)


def only(report: Report) -> Assessment:
    (found,) = report.assessments
    assert found.category is Category.TROJANS
    return found


def test_the_real_daemon_names_the_file_and_the_layer(
    daemon: str, tmp_path: Path
) -> None:
    harmless = {f"etc/{number}": b"harmless" for number in range(50)}

    report = scan(tmp_path, daemon, harmless, {"bin/bad": BAD, "empty": b""})

    (bad,) = report.findings
    assert bad.identifier == "Test.Trojan.Ours.UNOFFICIAL"
    assert (bad.path, bad.layer, bad.severity) == (
        "bin/bad", "2 of 2", Severity.CRITICAL,
    )  # fmt: skip
    assert "without bin/bad, which layer 2 of 2 brings" in bad.advice
    found = only(report)
    assert found.assessed
    assert found.engine.startswith("ClamAV ")
    assert found.covered == ("51 files against ClamAV's signatures",)


def test_what_the_real_daemon_finds_too_large_is_not_assessed(
    daemon: str, tmp_path: Path
) -> None:
    large = bytes(3 * 1024**2)

    report = scan(tmp_path, daemon, {"a": b"x", "b": large, "c": BAD, "d": large})

    assert [each.path for each in report.findings] == ["c"]
    found = only(report)
    assert found.covered == ("2 files against ClamAV's signatures",)
    assert "Files too large to be streamed whole (2)" in found.not_assessed


def test_what_we_do_not_stream_whole_is_not_assessed(
    daemon: str, tmp_path: Path
) -> None:
    report = scan(tmp_path, daemon, {"a": b"x" * 5000}, limits=Limits(kept=100))

    assert not only(report).assessed
    assert only(report).not_assessed[1] == "Files too large to be streamed whole (1)"


def test_clamav_looks_for_trojans_beside_the_builtin_rules(
    daemon: str, tmp_path: Path
) -> None:
    write_image(tmp_path / "app", tag="1", layers=[{"bad": BAD, "eicar": EICAR}])
    source = open_source("oci-layout", str(tmp_path))
    (found,) = source.find()
    scanner = Engines(Facts(), clamd_socket=daemon).chosen("builtin")

    with source.open(found.locator) as image:
        report = scanner.scan(image, ALL, lambda: 60)
        others = scanner.scan(image, frozenset({Category.SENSITIVE_DATA}), lambda: 60)

    assert isinstance(scanner, Beside)
    assert {each.identifier for each in report.findings} == {
        "EICAR test file",
        "Test.Trojan.Ours.UNOFFICIAL",
    }
    engines = [e.engine for e in report.assessments if e.category is Category.TROJANS]
    assert [engine.split()[0] for engine in engines] == ["builtin", "ClamAV"]
    assert {each.category for each in others.assessments} == {Category.SENSITIVE_DATA}


@contextmanager
def fake(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A daemon that answers each connection as the test says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def replies(*said: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for each in said:
            connection.recv(1 << 16)
            connection.sendall(each)
        connection.recv(1 << 16)

    return answer


VERSION = b"1: ClamAV 1.4.6/27654/Mon Nov 23 09:10:11 2026\0"


def hang(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 4096)


def session(connection: socket.socket, *said: bytes) -> None:
    """Answer commands one by one, as the real daemon does."""
    answers, received = iter((VERSION, *said)), b""
    while chunk := connection.recv(1 << 16):
        received += chunk
        if received.endswith((b"VERSION\0", b"\0\0\0\0")):
            received = b""
            connection.sendall(next(answers))


def test_the_signatures_are_dated_by_the_daemon(tmp_path: Path) -> None:
    with fake(lambda c: session(c, b"2: stream: OK\0")) as address:
        found = only(scan(tmp_path, address, {"a": b"x"}))

    assert found.engine == "ClamAV 1.4.6"
    assert found.data_date == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda c: session(c, b"2: <script>\0"), "cannot be read"),
        (lambda c: session(c, b"2: stream: UNKNOWN COMMAND\0"), "cannot be read"),
        (lambda c: session(c, b"2: stream: OK\0extra\0"), "cannot be read"),
        (flood, "cannot be read"),
        (lambda c: None, "cannot be read"),
        (hang, "did not answer in time"),
        (lambda c: session(c, b"2: strea"), "did not answer in time"),
    ],
)
def test_a_daemon_that_misbehaves_is_a_reason(
    tmp_path: Path, answer: Callable[[socket.socket], None], words: str
) -> None:
    with fake(answer) as address, pytest.raises(ScanFailed, match=words):
        scan(tmp_path, address, {"a": b"x", "b": b"y"}, seconds=0.5)


def test_a_daemon_that_gave_up_on_a_file_did_not_call_it_clean(tmp_path: Path) -> None:
    gave_up = b"2: stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"

    with fake(lambda c: session(c, gave_up)) as address:
        report = scan(tmp_path, address, {"a": b"x"})

    assert report.findings == ()
    assert not only(report).assessed


def test_a_session_the_daemon_ended_is_begun_anew(tmp_path: Path) -> None:
    with fake(lambda c: one_file_a_session(c)) as address:
        report = scan(tmp_path, address, {"a": b"x", "b": b"y", "c": b"z"})

    assert only(report).covered == ("3 files against ClamAV's signatures",)


def one_file_a_session(connection: socket.socket) -> None:
    received = b""
    while chunk := connection.recv(1 << 16):
        received += chunk
        if received.endswith(b"VERSION\0"):
            received = b""
            connection.sendall(VERSION)
        elif received.endswith(b"\0\0\0\0"):
            connection.sendall(b"2: stream: OK\0")
            return


def test_a_daemon_that_is_not_there_fails_the_scan(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="ClamAV could not be used: no such file"):
        scan(tmp_path, str(tmp_path / "clamd.sock"), {"a": b"x"})


def test_a_time_limit_ends_the_walk(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed, match="longer than its time limit"):
        scan(tmp_path, "tcp://127.0.0.1:1", {"a": b"x"}, seconds=0)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("/run/clamd.ctl", Address(path="/run/clamd.ctl")),
        ("unix:/run/clamd.ctl", Address(path="/run/clamd.ctl")),
        ("tcp://clamav:3310", Address(host="clamav", port=3310)),
        ("tcp://[::1]:3310", Address(host="::1", port=3310)),
    ],
)
def test_an_address_is_a_path_or_a_port(written: str, address: Address) -> None:
    assert Address.parsed(written) == address


@pytest.mark.parametrize("written", ["clamd.ctl", "tcp://clamav", "http://a:1", "tcp:"])
def test_an_address_that_is_none_is_refused_with_the_settings_name(
    written: str,
) -> None:
    with pytest.raises(BadAddress):
        Address.parsed(written)
    with pytest.raises(UnknownScanner, match="CLAMD_SOCKET"):
        Engines(Facts(), clamd_socket=written).chosen("builtin")
