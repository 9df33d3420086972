"""The demo's post office: real mail and signed SMS, in an inbox that staff read."""

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains

from accounts.channels.mail import Email
from accounts.channels.port import Message, Refused, Unavailable
from accounts.channels.webhook import SignedWebhook
from tcss_billing.demo.post import PostOffice
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PATIENCE = 20


@pytest.fixture
def post(tmp_path: Path, settings: Settings) -> Iterator[PostOffice]:
    """The process that the demo starts."""
    office = PostOffice.new()
    folder = tmp_path / "inbox"
    process = subprocess.Popen(
        [*office.command[:-1], str(folder)],
        cwd=configured.BASE_DIR,
        env={**os.environ, "SMS_SECRET": office.secret},
    )
    settings.DEMO_INBOX = str(folder)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", office.smtp
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    try:
        yield office
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def send(message: Message, channel: Email | SignedWebhook) -> None:
    """Send as soon as the process listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            channel.send(message)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def test_staff_read_what_was_sent(
    client: Client, post: PostOffice, now: datetime
) -> None:
    html = "<html><head></head><body><p>Hello &lt;b&gt;</p></body></html>"
    mail = Message("a.0", "mei@example.com", "Order 5 is paid", "Hello", html)
    send(mail, Email())
    gateway = SignedWebhook(f"http://127.0.0.1:{post.http}/sms", post.secret)
    send(Message("b.0", "+6591234567", "", "Your code is 123456."), gateway)
    client.force_login(UserFactory.create(is_staff=True))

    page = client.get(reverse("demo-inbox"))

    assertContains(page, "Order 5 is paid")
    assertContains(page, "Your code is 123456.")
    (key,) = [each.key for each in page.context["messages_in"] if not each.is_sms]
    assertContains(client.get(reverse("demo-message", args=[key])), "mei@example.com")
    framed = client.get(reverse("demo-message-html", args=[key]))
    assertContains(framed, "<p>Hello &lt;b&gt;</p>", html=False)
    assert "sandbox" in framed.headers["Content-Security-Policy"]
    assert "script-src" not in framed.headers["Content-Security-Policy"]


def test_what_is_not_signed_is_not_taken(client: Client, post: PostOffice) -> None:
    forged = SignedWebhook(f"http://127.0.0.1:{post.http}/sms", "another secret")
    client.force_login(UserFactory.create(is_staff=True))

    with pytest.raises(Refused, match="403"):
        send(Message("b.0", "+6591234567", "", "Hello"), forged)

    assertContains(client.get(reverse("demo-inbox")), "Nothing yet.")


@pytest.mark.parametrize("key", ["x", "..", "new", "%2e%2e%2fsecret-key"])
def test_what_is_not_in_the_inbox_is_not_found(
    client: Client, settings: Settings, tmp_path: Path, key: str
) -> None:
    settings.DEMO_INBOX = str(tmp_path / "inbox")
    (tmp_path / "secret-key").write_text("secret")
    client.force_login(UserFactory.create(is_staff=True))

    assert client.get(reverse("demo-message", args=[key])).status_code == 404


def test_the_inbox_is_for_staff_and_only_of_the_demo(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.DEMO_INBOX = str(tmp_path / "inbox")
    client.force_login(UserFactory.create())
    assert client.get(reverse("demo-inbox")).status_code == 302
    client.force_login(UserFactory.create(is_staff=True))
    assert client.get(reverse("demo-inbox")).status_code == 200

    settings.DEMO_INBOX = ""

    assert client.get(reverse("demo-inbox")).status_code == 404
