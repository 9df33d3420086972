"""Owing messages and delivering them, in one word each."""

from datetime import datetime

import pytest

from accounts import channels
from accounts.channels.port import Channel
from accounts.models import Account, Notice
from accounts.notice_kinds import KINDS
from accounts.services import composing, delivering, notices
from accounts.services.notices import EMAIL, SMS, Audience
from tests.accounts.words import SAMPLES
from tests.factories import account_with


@pytest.fixture
def account(now: datetime) -> Account:
    """An account to which nothing is owed yet."""
    account = account_with(now=now)
    Notice.objects.all().delete()
    return account


def owe(
    account: Account,
    now: datetime,
    kind: str = "expiry_reminder",
    *,
    subject: str = "term:1:2026-11-24",
) -> None:
    notices.queue(
        account=account,
        kind=Notice.Kind(kind),
        audience=Audience.EVERYONE,
        subject=subject,
        context=SAMPLES[kind],
        channels=(EMAIL, SMS) if KINDS[kind].by_sms else (EMAIL,),
        now=now,
    )


def deliver(
    now: datetime, channel: str = "email", sender: Channel | None = None
) -> int:
    return delivering.deliver_due(
        Notice,
        channel=channel,
        sender=sender or channels.CONFIGURED[channel](),
        compose=composing.compose,
        clock=lambda: now,
    )
