"""The demo's parts: they run for as long as the demo does, and never longer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]
# A part that starts a process of its own, as the web server does.
FAMILY = "import subprocess; subprocess.run(['sleep', '{seconds}'])"
DEMO = """
import subprocess, sys
from pathlib import Path
from tcss_billing import embedded_postgres
kept = [sys.executable, "-m", "tcss_billing.demo.keeper"]
home = Path(sys.argv[1])
part = [sys.executable, "-c", sys.argv[2]]
own = {"stdin": subprocess.PIPE, "start_new_session": True}
parts = [subprocess.Popen([*kept, *part], **own)]
if sys.argv[3] == "server":
    embedded_postgres.ensure(home)
    server = [*kept, "--server", str(home)]
    parts.append(subprocess.Popen(server, **own))
print("up", flush=True)
parts[0].wait()
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that keeps a part as the demo does."""
    started = []

    def start(seconds: str, server: str = "") -> subprocess.Popen[bytes]:
        family = FAMILY.format(seconds=seconds)
        process = subprocess.Popen(
            [sys.executable, "-c", DEMO, str(tmp_path), family, server],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    embedded_postgres.stop(tmp_path)


def _sleeping(seconds: str) -> bool:
    return any(
        process.info["cmdline"] == ["sleep", seconds]
        for process in psutil.process_iter(["cmdline"])
    )


def _until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_killed_demo_leaves_no_part_running(
    demo: Callable[..., subprocess.Popen[bytes]],
) -> None:
    seconds = f"{os.getpid()}.125"
    process = demo(seconds)
    assert _until(lambda: _sleeping(seconds))

    process.send_signal(signal.SIGKILL)

    assert _until(lambda: not _sleeping(seconds))


def test_a_killed_demo_leaves_no_server_running(
    demo: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    process = demo(f"{os.getpid()}.25", "server")
    cluster = Cluster.of(tmp_path)
    assert embedded_postgres.is_running(cluster)

    process.send_signal(signal.SIGKILL)

    assert _until(lambda: not embedded_postgres.is_running(cluster))


def test_a_part_that_ends_is_reported() -> None:
    command = [sys.executable, "-m", "tcss_billing.demo.keeper", "sh", "-c", "exit 7"]

    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE) as kept:
        assert kept.wait() == 7
