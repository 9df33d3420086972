"""A page that polls while the real web server is stopped and started again."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account
from quota.models import ScanTask
from tests.databases import of_this_run
from tests.factories import ImageFactory, account_with, creator_of, finish, press

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 90_000


class Server:
    """The product's own web server on this run's database, always at one address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it takes a moment until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}",
             "--config", "python:tcss_billing.production.gunicorn"],
            cwd=Path(settings.BASE_DIR),
            env={**os.environ, **of_this_run()},
            start_new_session=True,
        )  # fmt: skip

    def stop(self) -> None:
        """Ask it to stop, as a restart does, and wait until nothing answers."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE // 1000)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def account() -> Account:
    now = timezone.now() - timedelta(days=3)
    account = account_with(now=now)
    ImageFactory.create_batch(2, account=account)
    return account


@pytest.fixture
def page(browser: Browser, server: Server, account: Account) -> Iterator[Page]:
    client = Client()
    client.force_login(creator_of(account))
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(reduced_motion="reduce")
    context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": server.url}]
    )
    with context:
        yield context.new_page()


def open_when_it_answers(page: Page, url: str) -> None:
    port = int(url.split(":")[2].split("/")[0])
    for _ in range(PATIENCE // 100):
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                break
        page.wait_for_timeout(100)
    page.goto(url, timeout=PATIENCE)


def test_a_restart_is_said_and_the_page_goes_on_by_itself_as_it_was(
    page: Page, server: Server, account: Account
) -> None:
    now = timezone.now()
    press(account, list(account.image_set.order_by("pk")), now)
    task = ScanTask.objects.get()
    open_when_it_answers(page, f"{server.url}/a/halden-pay/tasks/{task.pk}")
    page.locator("#stop").click()
    expect(page.locator("#stop-now")).to_be_focused()
    asked_at = page.url

    server.stop()

    expect(page.locator(".said")).to_have_text(
        "No connection. Figures may be old.", timeout=PATIENCE
    )
    expect(page.locator("#progress")).to_contain_text("of 2 images")
    expect(page.locator("#stop-now")).to_be_visible()

    server.start()

    expect(page.locator(".said")).to_have_count(0, timeout=PATIENCE)
    expect(page.locator("#stop-now")).to_be_focused()
    assert page.url == asked_at
    finish(account, now)
    expect(page.locator("main")).to_contain_text("2 scanned", timeout=PATIENCE)
    expect(page.locator("#progress[hx-get]")).to_have_count(0)
