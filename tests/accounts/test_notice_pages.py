"""The Notices page and the bell: a member's own, grouped, read and unread."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, Member, Notice, User
from accounts.notice_kinds import KINDS
from accounts.services import composing, delivering, notices, reading
from accounts.services.notices import EMAIL, SMS, Audience
from tests.accounts.seats import url
from tests.accounts.words import SAMPLES
from tests.factories import UserFactory, account_with, creator_of, member_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3))


def owe(account: Account, kind: str, now: datetime, subject: str = "a:1") -> None:
    notices.queue(
        account=account,
        kind=Notice.Kind(kind),
        audience=Audience.MONEY,
        subject=subject,
        context=SAMPLES[kind],
        channels=(EMAIL, SMS) if KINDS[kind].by_sms else (EMAIL,),
        now=now,
    )


def own(account: Account) -> "list[Notice]":
    mine = Notice.objects.filter(user=creator_of(account), channel="email")
    return list(mine.order_by("pk"))


def test_notices_are_grouped_by_day(
    signed_in: Client, account: Account, now: datetime
) -> None:
    Notice.objects.all().delete()
    for days in (0, 1, 9):
        owe(account, "order_paid", now - timedelta(days=days), f"order:{days}")

    page = signed_in.get(url("notices", account)).context["page"]

    found = [(day.heading, len(day.rows)) for day in page.days]
    assert found == [("Today", 1), ("This week", 1), ("Earlier", 1)]


def test_every_kind_shows_its_words_and_its_way_to_help(
    signed_in: Client, account: Account, now: datetime
) -> None:
    Notice.objects.all().delete()
    for kind in KINDS:
        owe(account, kind, now)

    response = signed_in.get(url("notices", account))

    for words in (
        "Image scan expires in 5 days, on Mon 15 Mar at 14:00",
        "Image scan is isolated because it was not renewed",
        "Renewal did not go through",
        "Balance $42.00, needs $54.00.",
        "Quota is used up",
        "120 of 184 images covered. Quota ran out.",
    ):
        assertContains(response, words)
    assertContains(response, "/a/halden-pay/subscription")


def test_delivery_is_shown_as_it_is(
    signed_in: Client, account: Account, now: datetime
) -> None:
    owe(account, "expiry_reminder", now)
    rows = Notice.objects.filter(kind="expiry_reminder")
    rows.filter(channel="email").update(state="sent", sent_at=now, interrupted=True)
    rows.filter(channel="sms").update(state="failed", reason="number not reachable")

    response = signed_in.get(url("notices", account))

    assertContains(response, "Email sent 09:00, perhaps twice")
    assertContains(response, "SMS failed: number not reachable")


def test_what_a_provider_says_while_it_is_tried_is_for_staff(
    signed_in: Client, account: Account, now: datetime
) -> None:
    owe(account, "order_paid", now)
    Notice.objects.update(attempts=1, reason="Connection refused 10.0.0.1")

    response = signed_in.get(url("notices", account))

    assertContains(response, "Email not sent yet, next try 09:00")
    assertNotContains(response, "10.0.0.1")


def test_filters_show_unread_and_a_group(
    signed_in: Client, account: Account, now: datetime
) -> None:
    Notice.objects.all().delete()
    owe(account, "order_paid", now)
    owe(account, "quota_100", now)
    reading.mark_all_read(member=Member.objects.get(), now=now)
    owe(account, "pack_ends", now)

    def kinds(shown: str) -> set[str]:
        page = signed_in.get(url("notices", account), {"show": shown}).context["page"]
        return {row.title for day in page.days for row in day.rows}

    assert len(kinds("")) == 3
    assert kinds("unread") == {"300 scans a month end 15 Mar at 14:00"}
    assert kinds("scanning") == {"Quota is used up"}
    assert len(kinds("billing")) == 2
    assert len(kinds("nonsense")) == 3


def test_the_bell_counts_and_reading_one_answers_with_the_row_and_the_bell(
    signed_in: Client, account: Account, now: datetime
) -> None:
    Notice.objects.all().delete()
    owe(account, "expiry_reminder", now)
    owe(account, "order_paid", now)
    notice = own(account)[0]
    assertContains(signed_in.get(url("members", account)), "Notices, 2 unread")

    response = signed_in.post(
        url("read-notice", account, notice.pk), headers={"HX-Request": "true"}
    )

    assertContains(response, f'id="notice-{notice.pk}"')
    assertContains(response, "Notices, 1 unread")
    assertContains(response, "hx-swap-oob")
    same = Notice.objects.filter(kind=notice.kind)
    assert set(same.values_list("read_at", flat=True)) == {now}


def test_all_are_marked_read_and_back(
    signed_in: Client, account: Account, now: datetime, clock: "time_machine.Traveller"
) -> None:
    Notice.objects.all().delete()
    owe(account, "order_paid", now, "order:1")
    reading.mark_all_read(member=Member.objects.get(), now=now)
    clock.shift(timedelta(minutes=1))
    owe(account, "order_paid", now, "order:2")

    response = signed_in.post(url("read-all-notices", account), follow=True)
    assertContains(response, "Undo")
    assert not Notice.objects.filter(read_at=None).exists()
    signed_in.post(
        url("unread-notices", account), {"at": response.context["undo"]}, follow=True
    )

    assert [notice.read_at for notice in own(account)] == [now, None]


@pytest.mark.parametrize("at", ["", "x", "9" * 17, "9" * 40, "-1"])
def test_an_undo_that_names_nothing_changes_nothing(
    signed_in: Client, account: Account, at: str
) -> None:
    response = signed_in.post(url("unread-notices", account), {"at": at})

    assert response.status_code == 302


def test_a_member_sees_and_marks_only_own_notices(
    client: Client, account: Account, now: datetime
) -> None:
    owe(account, "order_paid", now)
    theirs = own(account)[-1]
    client.force_login(member_of(account))

    assertContains(client.get(url("notices", account)), "Nothing new.")
    response = client.post(url("read-notice", account, theirs.pk))
    assert response.status_code == 404
    cursor = client.get(url("notices", account), {"after": theirs.pk})
    assert cursor.status_code == 404
    assert own(account)[-1].read_at is None
    client.force_login(UserFactory.create())
    for name in ("notices", "notice-settings"):
        assert client.get(url(name, account)).status_code == 404


def test_paging_shows_each_once(
    signed_in: Client, account: Account, now: datetime
) -> None:
    Notice.objects.all().delete()
    for number in range(70):
        owe(account, "order_paid", now, f"order:{number}")

    page = signed_in.get(url("notices", account)).context["page"]
    more = signed_in.get(url("notices", account) + page.more).context["page"]

    shown = [row.pk for each in (page, more) for day in each.days for row in day.rows]
    assert len(shown) == len(set(shown)) == 70
    assert more.more == ""


@pytest.mark.parametrize("after", ["x", "0", "9" * 30])
def test_an_unknown_cursor_is_not_found(
    signed_in: Client, account: Account, after: str
) -> None:
    response = signed_in.get(url("notices", account), {"after": after})

    assert response.status_code == 404


def test_optional_kinds_are_turned_off_and_required_ones_never(
    signed_in: Client, account: Account, now: datetime
) -> None:
    assertContains(
        signed_in.get(url("notice-settings", account)), "Required by the service"
    )

    signed_in.post(url("notice-settings", account), {"kind": ["pack_ends"]})

    quiet = set(Member.objects.get().quiet)
    assert quiet == set(KINDS) - {
        "pack_ends", "expiry_reminder", "arrears", "terminated",
    }  # fmt: skip
    Notice.objects.all().delete()
    owe(account, "order_paid", now)
    delivering.deliver_due(
        Notice,
        channel="email",
        sender=Sink(),
        compose=composing.compose,
        clock=lambda: now,
    )
    assert Notice.objects.get().reason == composing.OFF
    assertContains(signed_in.get(url("notices", account)), "Order 5 is paid: $36.00")


class Sink:
    def send(self, message: object) -> None:
        raise AssertionError(message)


def test_a_required_kind_is_never_quiet_in_the_database(account: Account) -> None:
    with (
        pytest.raises(IntegrityError, match="member_required_notices"),
        transaction.atomic(),
    ):
        Member.objects.update(quiet=["order_paid", "arrears"])


def test_accounts_are_switched_in_the_menu(
    client: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="corvid-labs")
    Account.objects.filter(pk=other.pk).update(name="Corvid Labs")
    user = creator_of(account)
    Member.objects.create(account=other, user=user)
    client.force_login(user)

    response = client.get(url("members", account))

    assertContains(response, 'href="/a/corvid-labs/"')
    assert User.objects.count() == 2
