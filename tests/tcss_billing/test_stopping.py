"""Stopping politely: a worker gives back what it has, the web finishes its requests."""

import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from quota.models import Image, ImageSource, LedgerEntry, Scan, ScanTask
from quota.services import overdue, syncing, working
from quota.services.reconciling import reconcile
from tcss_billing.demo.images import write_image
from tests.databases import of_this_run
from tests.engine import Engine
from tests.factories import account_with, creator_of, press

pytestmark = pytest.mark.django_db(transaction=True)
CHECKOUT = Path(__file__).resolve().parents[2]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a real process on this run's database; none outlives the test."""
    started = []
    environment = {**os.environ, **of_this_run()}

    def begin(*command: str, **more: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**environment, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def command(unit: str) -> list[str]:
    """What a unit runs, from this checkout instead of where it is installed."""
    text = (CHECKOUT / "tcss_billing" / "production" / f"{unit}.service").read_text()
    (line,) = (row for row in text.splitlines() if row.startswith("ExecStart="))
    program, *arguments = shlex.split(line.removeprefix("ExecStart="))
    return [str(Path(sys.executable).with_name(Path(program).name)), *arguments]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def images(account: Account, folder: Path, number: int) -> list[Image]:
    """Real images, each with its own content."""
    for each in range(number):
        files = {"etc/os-release": b"ID=debian\n", "etc/n": f"{each}".encode()}
        write_image(folder / "team", tag=f"{each}", layers=[files])
    ImageSource.objects.create(account=account, kind="oci-layout", location=str(folder))
    syncing.update_local_images(account=account, now=timezone.now())
    return list(Image.objects.all())


def test_a_worker_asked_to_stop_gives_back_what_it_has_not_begun(
    start: Start, tmp_path: Path
) -> None:
    account = account_with(now=timezone.now() - timedelta(days=1))
    press(account, images(account, tmp_path, 250), timezone.now())
    worker = start(*command("tcss-billing-worker"))
    until(Scan.objects.filter(state="settled").exists)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(30) == 0
    left = Scan.objects.exclude(state__in=["settled", "released"])
    assert left.count() == left.filter(state="queued", claim=None, attempts=0).count()
    assert left.exists()
    assert [proof for proof in reconcile() if proof.broken] == []


class Slow(Engine):
    """Is at one image for as long as the test wants."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def _wait(self, *_: object) -> None:
        self.begun.set()
        self.go_on.wait(30)


def test_an_image_that_takes_too_long_is_given_back_and_its_late_result_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "PATIENCE", timedelta(0))
    monkeypatch.setattr(working, "LOOK", 0.05)
    account = account_with(now=timezone.now() - timedelta(days=1))
    press(account, images(account, tmp_path, 2), timezone.now())
    slow = Slow()

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(_work, account, slow)
        until(lambda: slow.begun.is_set() and not running())
        given_back = Scan.objects.filter(state="queued", attempts=0).count()
        slow.go_on.set()
        ended = busy.result()

    assert (given_back, ended) == (2, 0)
    assert not LedgerEntry.objects.filter(kind__in=["settle", "release"]).exists()


def test_an_image_that_takes_longer_than_a_lease_keeps_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "LEASE", timedelta(seconds=2))
    monkeypatch.setattr(working, "LOOK", 0.05)
    account = account_with(now=timezone.now() - timedelta(days=1))
    press(account, images(account, tmp_path, 2), timezone.now())
    slow = Slow()

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(_work, account, slow, lambda: False)
        until(slow.begun.is_set)
        leased = Scan.objects.earliest("pk").lease_until
        assert leased
        until(lambda: timezone.now() > leased)
        swept = overdue.sweep(now=timezone.now())
        slow.go_on.set()
        ended = busy.result()

    assert (swept["requeued"], swept["given_up"], ended) == (0, 0, 2)
    assert LedgerEntry.objects.filter(kind="settle").count() == 2


def _work(
    account: Account, slow: Slow, stopping: Callable[[], bool] | None = None
) -> int:
    try:
        return working.work(
            account_id=account.pk,
            scanner=slow,
            clock=timezone.now,
            stopping=stopping or slow.begun.is_set,
        )
    finally:
        connection.close()


def running() -> bool:
    return Scan.objects.filter(state="running").exists()


@pytest.fixture
def web(start: Start, tmp_path: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
    """The web server as it runs for customers, in two processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start(
        *command("tcss-billing-web"),
        GUNICORN_CMD_ARGS=f"--bind 127.0.0.1:{port}",
        WEB_CONCURRENCY="2",
        METRICS="true",
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"),
    )
    url = f"http://127.0.0.1:{port}"
    until(lambda: _status(f"{url}/readyz") == 200)
    return url, process


def _status(url: str) -> int:
    try:
        return urllib3.request("GET", url, retries=False).status
    except urllib3.exceptions.HTTPError:
        return 0


def test_the_web_finishes_a_request_and_counts_those_of_all_its_processes(
    web: tuple[str, "subprocess.Popen[bytes]"], client: Client, tmp_path: Path
) -> None:
    url, process = web
    account = account_with(now=timezone.now() - timedelta(days=1))
    (image,) = images(account, tmp_path, 1)
    client.force_login(creator_of(account))

    for _ in range(20):
        urllib3.request("GET", f"{url}/sign-in", retries=False, timeout=30)
    figures = urllib3.request("GET", f"{url}/metrics").data.decode()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Account.objects.lock(account.pk)
            pressed = pool.submit(_press, url, account, image, client)
            until(lambda: pressed.done() or _somebody_waits_for_a_lock())
            assert not pressed.done(), pressed.result().status
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)  # the press is still under way
            assert process.poll() is None
        answer = pressed.result()

    counted = re.search(r"request_seconds_count\{.*sign-in.*\} (\d+)", figures)
    assert counted
    assert counted[1] == "20"
    assert answer.status == 302
    assert ScanTask.objects.count() == 1
    assert process.wait(30) == 0


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def _press(
    url: str, account: Account, image: Image, client: Client
) -> urllib3.BaseHTTPResponse:
    token = secrets.token_hex(16)
    session = client.cookies["sessionid"].value
    return urllib3.request(
        "POST",
        f"{url}/a/{account.slug}/images/local/scan",
        fields={
            "image": str(image.pk),
            "categories": "trojans", "scope": "selected",
            "agreed_set": "",
            "key": "7f1d6f5e-9f0b-4b58-9a54-0c2a5a1d7a11",
            "csrfmiddlewaretoken": token,
        },
        headers={"Cookie": f"csrftoken={token}; sessionid={session}"},
        retries=urllib3.Retry(0, raise_on_redirect=False),
    )  # fmt: skip
