"""Rows of the outbox: one per person, channel and subject, whoever asks twice."""

from datetime import datetime

import pytest

from accounts.models import Account, Notice
from accounts.services import notices
from accounts.services.notices import EMAIL, SMS, Audience
from tests.factories import account_with, creator_of, member_of

pytestmark = pytest.mark.django_db


def owe(account: Account, audience: Audience, now: datetime) -> None:
    notices.queue(
        account=account,
        kind=Notice.Kind.EXPIRY_REMINDER,
        audience=audience,
        subject="term:1:2026-11-24",
        context={
            "days": "1 day",
            "ends": "Wed 25 Nov, 09:00",
            "auto_renewal": False,
            "covered": False,
        },
        channels=(EMAIL, SMS),
        now=now,
    )


def test_a_job_that_runs_twice_owes_one_notice_a_channel(now: datetime) -> None:
    account = account_with(now=now)

    owe(account, Audience.IN_CHARGE, now)
    owe(account, Audience.IN_CHARGE, now)

    rows = Notice.objects.filter(account=account, kind="expiry_reminder")
    assert sorted(rows.values_list("channel", flat=True)) == ["email", "sms"]


def test_each_audience_is_the_creator_and_those_with_its_flags(now: datetime) -> None:
    account = account_with(now=now)
    creator = creator_of(account)
    resource = member_of(account, resource=True)
    financial = member_of(account, financial=True)
    both = member_of(account, resource=True, financial=True)
    plain = member_of(account)

    def people(audience: Audience) -> set[int]:
        return set(audience.members(account).values_list("user", flat=True))

    assert people(Audience.MONEY) == {creator.pk, financial.pk, both.pk}
    assert people(Audience.SCANS) == {creator.pk, resource.pk, both.pk}
    assert people(Audience.IN_CHARGE) == people(Audience.MONEY) | people(Audience.SCANS)
    assert people(Audience.EVERYONE) == people(Audience.IN_CHARGE) | {plain.pk}
