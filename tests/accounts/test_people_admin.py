"""The back office of people: opening an account, sending again, on the record."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import Account, AuditEntry, Letter, Notice, User
from tests.factories import UserFactory, account_with, creator_of

pytestmark = pytest.mark.django_db
OPENED = {
    "name": "Corvid Labs",
    "slug": "Corvid-Labs",
    "zone": "Europe/Berlin",
    "currency": "USD",
    "creator_email": "New@Example.com",
    "creator_name": "Ada New",
}


def staff(*permissions: str) -> User:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def test_staff_open_an_account_and_its_creator_gets_a_link(client: Client) -> None:
    by = staff("add_account", "view_account")
    client.force_login(by)

    response = client.post(reverse("admin:accounts_account_add"), OPENED, follow=True)

    assertContains(response, "Corvid Labs is open.")
    account = Account.objects.get(slug="corvid-labs")
    creator = creator_of(account)
    assert (creator.email, creator.email_verified_at) == ("new@example.com", None)
    assert not creator.has_usable_password()
    assert Letter.objects.get().address == "new@example.com"
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.act, entry.account) == (by, "Open account", account)


def test_somebody_who_signs_in_already_becomes_creator_without_a_letter(
    client: Client,
) -> None:
    known = UserFactory.create(email="new@example.com", name="Known")
    client.force_login(staff("add_account", "view_account"))

    client.post(reverse("admin:accounts_account_add"), OPENED)

    assert creator_of(Account.objects.get()) == known
    assert known.name == "Known"
    assert not Letter.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "halden-pay"},
        {"zone": "Mars"},
        {"currency": "usd"},
        {"creator_email": "x"},
        {"name": ""},
    ],
)
def test_an_account_that_cannot_be_is_refused(
    client: Client, now: datetime, change: dict[str, str]
) -> None:
    account_with(now=now)
    client.force_login(staff("add_account"))

    response = client.post(reverse("admin:accounts_account_add"), OPENED | change)

    assert response.status_code == 422
    assert Account.objects.count() == 1


def test_without_the_right_nobody_opens_accounts_or_sends_again(
    client: Client, now: datetime
) -> None:
    account_with(now=now)
    client.force_login(staff("view_notice"))
    notice = Notice.objects.all()[0]
    Notice.objects.update(state="failed", reason="No such number.")

    assert client.get(reverse("admin:accounts_account_add")).status_code == 403
    client.post(
        reverse("admin:accounts_notice_changelist"),
        {"action": "send_again", "_selected_action": [notice.pk]},
    )
    assert set(Notice.objects.values_list("state", flat=True)) == {"failed"}


def test_a_failed_notice_waits_for_staff_who_send_it_again(
    client: Client, now: datetime
) -> None:
    account_with(now=now)
    notice = Notice.objects.all()[0]
    Notice.objects.update(state="failed", reason="No such number.", attempts=5)
    client.force_login(staff("view_notice", "resend_notice"))
    changelist = reverse("admin:accounts_notice_changelist")
    assertContains(client.get(changelist), "No such number.")
    data = {"action": "send_again", "_selected_action": [notice.pk]}

    first = client.post(changelist, data, follow=True)
    second = client.post(changelist, data, follow=True)

    assertContains(first, "is queued again")
    assertContains(second, "is on its way already")
    notice.refresh_from_db()
    assert (notice.state, notice.attempts, notice.resends) == ("queued", 0, 1)
    entry = AuditEntry.objects.get()
    assert entry.before == {
        "state": "failed", "reason": "No such number.", "attempts": 5,
    }  # fmt: skip


def test_every_list_of_people_opens(client: Client, now: datetime) -> None:
    account_with(now=now)
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))

    for name in (
        "user", "account", "member", "memberchange", "invite", "notice", "letter",
    ):  # fmt: skip
        assert (
            client.get(reverse(f"admin:accounts_{name}_changelist")).status_code == 200
        )
    user = User.objects.all()[0]
    page = client.get(reverse("admin:accounts_user_change", args=[user.pk]))
    assert user.password not in page.content.decode()
