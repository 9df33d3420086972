"""What a browser needs of the test server."""

import mailbox
import os
import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, sync_playwright
from pytest_django import Settings

from tests.conftest import require
from tests.world import World, furnish

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True)
def _plain_static_names(settings: Settings) -> None:
    """Django's live server finds files by their plain names."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require("Chromium", shutil.which(CHROMIUM))
    # Playwright's own loop runs in this thread; Django must not mistake it for ours.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    """An account with everything that can happen to one, and a mail that was sent."""
    settings.SIGN_UP = True
    settings.DEMO_INBOX = str(tmp_path / "inbox")
    world = furnish(timezone.now())
    mail = EmailMessage()
    mail["Subject"], mail["To"] = "Image scan expires in 5 days", world.creator.email
    mail.set_content("Renew by Monday.")
    mail.add_alternative("<p>Renew by Monday.</p>", subtype="html")
    world.parts["key"] = mailbox.Maildir(settings.DEMO_INBOX).add(mail)
    return world
