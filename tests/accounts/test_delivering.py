"""Delivery: by real SMTP and a signed webhook, tried again, and accounted for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import channels
from accounts.channels.port import Deferred, Message, Refused
from accounts.models import Account, Notice, User
from accounts.services import delivering, notices
from accounts.services.notices import Audience
from tests.accounts.outgoing import deliver, owe
from tests.accounts.servers import Gateway, Mailbox, gateway, mail_server
from tests.accounts.words import SAMPLES
from tests.factories import account_with, creator_of, member_of

pytestmark = pytest.mark.django_db
NUMBER = "+6591234567"


@pytest.fixture
def account(now: datetime) -> Account:
    """An account to which nothing is owed yet."""
    account = account_with(now=now)
    Notice.objects.all().delete()
    return account


@pytest.fixture
def box(settings: Settings) -> Iterator[Mailbox]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


@pytest.fixture
def sms(settings: Settings) -> Iterator[Gateway]:
    with gateway() as server:
        settings.SMS_URL, settings.SMS_SECRET = server.url, "a secret"
        yield server


class Failing:
    """A provider that fails for some addresses."""

    def __init__(self, error: Exception, *addresses: str) -> None:
        self.error, self.addresses = error, addresses
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        if not self.addresses or message.to in self.addresses:
            raise self.error
        self.sent.append(message)


def test_a_notice_arrives_by_real_smtp_and_signed_webhook(
    account: Account, box: Mailbox, sms: Gateway, now: datetime
) -> None:
    User.objects.update(phone=NUMBER)
    owe(account, now)

    assert (deliver(now), deliver(now, "sms")) == (1, 1)

    (mail,) = box.mails
    notice = Notice.objects.get(channel="email")
    assert mail["Subject"] == "Image scan expires in 5 days, on Mon 15 Mar at 14:00"
    assert mail["Message-ID"] == f"<notice-{notice.pk}.0@127.0.0.1>"
    assert mail["List-Unsubscribe"].endswith("/a/halden-pay/notices/settings>")
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    text = mail.get_payload()[0].get_payload(decode=True).decode()  # type: ignore[union-attr,index]
    assert "http://127.0.0.1:8000/a/halden-pay/subscription" in text
    ((headers, body),) = sms.requests
    assert NUMBER.encode() in body
    assert channels.webhook.is_signed(
        body,
        headers["X-Timestamp"],
        headers["X-Signature"],
        secret="a secret",
        now=timezone.now(),
    )
    assert set(Notice.objects.values_list("state", "sent_at")) == {("sent", now)}


def test_a_second_delivery_finds_nothing(
    account: Account, box: Mailbox, now: datetime
) -> None:
    owe(account, now)
    owe(account, now)

    assert (deliver(now), deliver(now)) == (1, 0)
    assert len(box.mails) == 1


def test_a_server_that_is_down_loses_nothing_and_spends_one_attempt(
    account: Account, settings: Settings, now: datetime
) -> None:
    member_of(account)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    owe(account, now)

    assert deliver(now) == 0

    rows = Notice.objects.filter(channel="email").order_by("pk")
    assert [row.attempts for row in rows] == [1, 0]
    assert {row.state for row in rows} == {"queued"}
    assert "refused" in rows[0].reason.lower()


def test_a_refused_address_fails_at_once_and_holds_up_nobody(
    account: Account, box: Mailbox, now: datetime
) -> None:
    other = member_of(account)
    box.answers[creator_of(account).email] = "550 No such mailbox"
    box.answers[member_of(account).email] = "451 Try again later"
    owe(account, now)

    assert deliver(now) == 1

    assert [mail["To"] for mail in box.mails] == [other.email]
    failed = Notice.objects.get(state="failed")
    assert failed.reason == "The mail server answered 550 No such mailbox"
    assert Notice.objects.get(state="queued", channel="email").attempts == 1


def test_a_message_is_tried_five_times_ever_later_and_then_waits_for_staff(
    account: Account, now: datetime
) -> None:
    owe(account, now)
    broken = Failing(Deferred("Not today."))
    at, tried = now, []
    for _ in range(6):
        deliver(at, sender=broken)
        row = Notice.objects.get(channel="email")
        tried.append((row.state, row.attempts, row.due_at - at))
        at = max(row.due_at, at)

    waits = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 240)]
    assert tried[:4] == [
        ("queued", number, wait) for number, wait in enumerate(waits, 1)
    ]
    assert tried[4][:2] == tried[5][:2] == ("failed", 5)
    assert row.reason == "Not today."


def test_staff_send_a_failed_one_again_with_another_message_id(
    account: Account, box: Mailbox, now: datetime
) -> None:
    owe(account, now)
    deliver(now, sender=Failing(Refused("No such number.")))
    row = Notice.objects.get(channel="email")

    assert delivering.send_again(Notice, pk=row.pk, now=now)
    assert not delivering.send_again(Notice, pk=row.pk, now=now)
    assert deliver(now) == 1

    assert box.mails[0]["Message-ID"] == f"<notice-{row.pk}.1@127.0.0.1>"


def test_a_library_that_breaks_is_seen_and_holds_up_nobody(
    account: Account, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    other = member_of(account)
    broken = Failing(KeyError("surprise"), creator_of(account).email)
    owe(account, now)

    assert deliver(now, sender=broken) == 1

    assert [message.to for message in broken.sent] == [other.email]
    assert Notice.objects.get(attempts=1, state="queued").reason.startswith("KeyError")
    assert "surprise" in caplog.text


def test_without_a_verified_address_or_number_it_is_skipped_with_the_reason(
    account: Account, box: Mailbox, sms: Gateway, now: datetime
) -> None:
    User.objects.update(email_verified_at=None)
    owe(account, now)

    assert (deliver(now), deliver(now, "sms")) == (0, 0)

    assert (box.mails, sms.requests) == ([], [])
    assert dict(Notice.objects.values_list("channel", "reason")) == {
        "email": "No verified email address.",
        "sms": "No verified mobile number.",
    }
    assert set(Notice.objects.values_list("state", flat=True)) == {"skipped"}


def test_without_a_provider_it_is_skipped_with_the_reason(
    account: Account, settings: Settings, now: datetime
) -> None:
    settings.SMS_URL, settings.EMAIL_BACKEND = "", channels.DUMMY
    owe(account, now)

    deliver(now)
    deliver(now, "sms")

    assert set(Notice.objects.values_list("reason", flat=True)) == {
        "No mail server is set up.",
        "No SMS provider is set up.",
    }


def test_who_has_left_gets_nothing(
    account: Account, box: Mailbox, now: datetime
) -> None:
    left = member_of(account)
    owe(account, now)
    left.memberships.all().delete()

    assert deliver(now) == 1
    assert Notice.objects.get(user=left, channel="email").reason.startswith("No longer")


@pytest.mark.parametrize(
    ("status", "state"), [(404, "failed"), (429, "queued"), (503, "queued")]
)
def test_a_gateway_that_refuses_fails_one_that_is_busy_is_asked_again(
    account: Account, sms: Gateway, now: datetime, status: int, state: str
) -> None:
    User.objects.update(phone=NUMBER)
    sms.status = status
    owe(account, now)

    deliver(now, "sms")

    row = Notice.objects.get(channel="sms")
    assert row.state == state
    assert row.reason == f"The SMS gateway answered {status} number not reachable"


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_sms_goes_by_the_apprise_package(
    account: Account, settings: Settings, now: datetime
) -> None:
    User.objects.update(phone=NUMBER)
    with gateway() as server:
        settings.SMS_URL = server.url.replace("http", "json") + "/{to}"
        owe(account, now)
        assert deliver(now, "sms") == 1
        server.status = 500
        Notice.objects.update(state="queued", sent_at=None)
        assert deliver(now, "sms") == 0

    assert b"expires in 5 days" in server.requests[0][1]
    assert Notice.objects.get(channel="sms").state == "queued"


def test_a_name_cannot_inject_headers_or_markup(
    account: Account, box: Mailbox, now: datetime
) -> None:
    User.objects.update(name="<script>alert(1)</script>")
    Account.objects.update(name="Evil\r\nBcc: all@example.com <b>")
    context = {**SAMPLES["order_paid"], "order": "1\r\nBcc: all@example.com"}
    notices.queue(
        account=account,
        kind=Notice.Kind.ORDER_PAID,
        audience=Audience.MONEY,
        subject="order:1",
        context=context,
        now=now,
    )

    assert deliver(now) == 1

    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Order 1 Bcc: all@example.com is paid: $36.00"
    html = mail.get_payload()[1].get_payload(decode=True).decode()  # type: ignore[union-attr,index]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html


def test_the_database_refuses_a_row_that_contradicts_itself(
    account: Account, now: datetime
) -> None:
    owe(account, now)
    rows = Notice.objects.all()

    for constraint, change in (
        ("notice_sent_is_dated", {"state": "sent"}),
        ("notice_sending_is_leased", {"state": "sending"}),
        ("notice_not_sent_says_why", {"state": "failed"}),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            rows.update(**change)
