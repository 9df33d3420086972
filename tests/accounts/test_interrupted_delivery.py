"""Delivery by workers that die, or meet."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from accounts import channels
from accounts.channels.port import Message
from accounts.models import Account, Notice
from accounts.services import delivering
from tests.accounts.outgoing import deliver, owe
from tests.accounts.servers import Mailbox, mail_server
from tests.factories import account_with
from tests.races.processes import start

pytestmark = pytest.mark.django_db


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


@pytest.mark.django_db(transaction=True)
def test_killed_between_sending_and_recording_it_is_sent_once_more_and_says_so(
    account: Account, box: Mailbox, now: datetime
) -> None:
    owe(account, now)

    for later in range(4):
        at = now + later * (delivering.LEASE + timedelta(seconds=1))
        process = start(send_and_die, at)
        process.join()

    row = Notice.objects.get(channel="email")
    assert len(box.mails) == 2
    assert box.mails[0]["Message-ID"] == box.mails[1]["Message-ID"]
    assert (row.state, row.reason) == ("failed", delivering.TWICE)


@pytest.mark.django_db(transaction=True)
def test_after_one_kill_the_second_sending_is_recorded_as_perhaps_twice(
    account: Account, box: Mailbox, now: datetime
) -> None:
    owe(account, now)
    process = start(send_and_die, now)
    process.join()

    assert deliver(now + timedelta(seconds=60)) == 0
    assert deliver(now + delivering.LEASE) == 1

    row = Notice.objects.get(channel="email")
    assert (row.state, row.interrupted, len(box.mails)) == ("sent", True, 2)


class Dying:
    """Sends by the real channel, and does not live to tell."""

    def send(self, message: Message) -> None:
        real = channels.email()
        assert real is not None
        real.send(message)
        os._exit(9)


def send_and_die(now: datetime) -> None:
    deliver(now, sender=Dying())


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_message_once(
    account: Account, box: Mailbox, now: datetime
) -> None:
    for number in range(20):
        owe(account, now, "order_paid", subject=f"order:{number}")

    def work(_: int) -> int:
        try:
            return deliver(now)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(4)))

    ids = [mail["Message-ID"] for mail in box.mails]
    assert sum(counts) == len(ids) == len(set(ids)) == 20


def test_a_worker_that_was_overtaken_records_nothing(
    account: Account, now: datetime
) -> None:
    owe(account, now)
    first = delivering.claim(Notice, channel="email", now=now)
    second = delivering.claim(Notice, channel="email", now=now + delivering.LEASE)
    assert first is not None
    assert second is not None

    assert delivering._record(first, Notice.State.SENT, now=now) == 0
    assert delivering._record(second, Notice.State.SENT, now=now) == 1
