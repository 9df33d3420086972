"""Who may do what: seen by all, changed by the creator, never without a creator."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.errors import Conflict, Refusal
from accounts.models import Account, Member, MemberChange, User
from accounts.services import inviting, members
from tests.accounts.seats import flags, invited, url
from tests.factories import UserFactory, account_with, creator_of, member_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3))


def acts(account: Account) -> list[tuple[str, dict[str, Any]]]:
    other = member_of(account)
    invite = invited(account, "new@example.com", account.created_at)
    change = MemberChange.objects.create(
        account=account,
        user=other,
        by=other,
        before={"is_creator": False, "is_global_resource": True, "is_financial": True},
        after=members.flags_of(Member.objects.get(user=other)),
        created_at=account.created_at + timedelta(days=3),
    )
    return [
        (url("change-role", account, other.pk), {"role": "both"}),
        (url("remove-member", account, other.pk), {}),
        (url("undo-member", account, change.pk), {}),
        (url("invite", account), {"email": "more@example.com", "role": ""}),
        (url("invite-again", account, invite.pk), {}),
        (url("invite-cancel", account, invite.pk), {}),
        (url("hand-over", account), {"member": other.pk, "password": "correct horse"}),
    ]


def test_only_the_creator_changes_members(client: Client, account: Account) -> None:
    everything = acts(account)
    stranger = UserFactory.create()
    member = member_of(account, resource=True, financial=True)
    before = list(Member.objects.order_by("pk").values())

    for person, status in ((stranger, 404), (member, 403)):
        client.force_login(person)
        for address, data in everything:
            response = client.post(address, data)
            assert response.status_code == status, address
    assert list(Member.objects.order_by("pk").values("pk")) == [
        {"pk": row["id"]} for row in before
    ]
    assertContains(
        client.post(*everything[0]), str(creator_of(account)), status_code=403
    )


def test_everybody_sees_the_members_and_only_the_creator_the_buttons(
    client: Client, account: Account
) -> None:
    plain = member_of(account)
    client.force_login(plain)
    assertContains(client.get(url("members", account)), plain.email)
    assertNotContains(client.get(url("members", account)), "Invite member")
    client.force_login(creator_of(account))
    assertContains(client.get(url("members", account)), "Invite member")
    client.force_login(UserFactory.create())
    assert client.get(url("members", account)).status_code == 404


def test_acts_on_members_are_posts(client: Client, account: Account) -> None:
    client.force_login(creator_of(account))

    for name in ("change-role", "remove-member", "undo-member", "invite-again"):
        assert client.get(url(name, account, 1)).status_code == 405


def test_a_role_changes_at_once_and_back_within_ten_minutes(
    client: Client, account: Account, clock: "time_machine.Traveller", now: datetime
) -> None:
    other = member_of(account)
    client.force_login(creator_of(account))

    client.post(url("change-role", account, other.pk), {"role": "resource"})
    assert flags(other) == (False, True, False)
    change = MemberChange.objects.get()
    page = client.get(url("members", account))
    assertContains(page, url("undo-member", account, change.pk))

    clock.move_to(now + timedelta(minutes=10))
    late = client.post(url("undo-member", account, change.pk))
    assertContains(late, "too late to undo", status_code=409)
    clock.move_to(now + timedelta(minutes=9, seconds=59))
    client.post(url("undo-member", account, change.pk))
    assert flags(other) == (False, False, False)
    again = client.post(url("undo-member", account, change.pk))
    assert again.status_code == 409


def test_a_removed_member_is_out_at_once_and_back_with_the_same_flags(
    client: Client, account: Account
) -> None:
    other = member_of(account, financial=True)
    theirs = Client()
    theirs.force_login(other)
    client.force_login(creator_of(account))

    client.post(url("remove-member", account, other.pk))
    assert theirs.get(url("members", account)).status_code == 404
    assertContains(client.get(url("members", account)), "was removed")

    client.post(url("undo-member", account, MemberChange.objects.get().pk))
    assert flags(other) == (False, False, True)


def test_what_was_changed_again_is_not_undone(account: Account, now: datetime) -> None:
    other = member_of(account)

    def change(*, is_financial: bool) -> MemberChange | None:
        return members.change_role(
            account=account,
            user_id=other.pk,
            is_global_resource=True,
            is_financial=is_financial,
            by=creator_of(account),
            now=now,
        )

    first = change(is_financial=False)
    change(is_financial=True)
    assert first is not None

    with pytest.raises(Conflict, match="changed again"):
        members.undo(account=account, change_id=first.pk, now=now)
    assert flags(other) == (False, True, True)


def test_the_creator_is_neither_removed_nor_changed(
    client: Client, account: Account
) -> None:
    creator = creator_of(account)
    client.force_login(creator)

    gone = client.post(url("remove-member", account, creator.pk))
    changed = client.post(url("change-role", account, creator.pk), {"role": ""})

    assertContains(gone, "You cannot remove yourself.", status_code=422)
    assertContains(changed, "An account needs its creator.", status_code=422)
    assert flags(creator)[0]


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 2**70])
def test_a_member_that_is_not_there_is_not_found(
    client: Client, account: Account, number: int
) -> None:
    client.force_login(creator_of(account))

    for name in ("change-role", "remove-member", "undo-member", "invite-cancel"):
        assert client.post(url(name, account, number)).status_code == 404


def test_a_member_of_another_account_is_not_found(
    client: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    theirs = member_of(other)
    invite = invited(other, "new@example.com", now)
    client.force_login(creator_of(account))

    assert client.post(url("remove-member", account, theirs.pk)).status_code == 404
    assert client.post(url("invite-cancel", account, invite.pk)).status_code == 404
    assert Member.objects.filter(user=theirs).exists()


def test_an_unknown_role_is_refused(client: Client, account: Account) -> None:
    other = member_of(account, financial=True)
    client.force_login(creator_of(account))

    response = client.post(url("change-role", account, other.pk), {"role": "owner"})

    assert response.status_code == 422
    assert flags(other) == (False, False, True)


def test_the_account_is_handed_over_and_the_old_creator_stays(
    client: Client, account: Account
) -> None:
    creator, other = creator_of(account), member_of(account)
    client.force_login(creator)
    data = {"member": other.pk, "password": "wrong"}

    refused = client.post(url("hand-over", account), data)
    assertContains(refused, "This is not your password.", status_code=422)
    client.post(url("hand-over", account), {**data, "password": "correct horse"})

    assert flags(other) == (True, False, False)
    assert flags(creator) == (False, True, True)
    assert client.get(url("hand-over", account)).status_code == 403
    with pytest.raises(Refusal, match="handed back by its new creator"):
        members.undo(
            account=account,
            change_id=MemberChange.objects.latest("pk").pk,
            now=account.created_at,
        )


def test_a_second_handing_over_finds_that_one_is_not_the_creator(
    account: Account, now: datetime
) -> None:
    creator = creator_of(account)
    one, two = member_of(account), member_of(account)
    members.hand_over(account=account, user_id=one.pk, by=creator, now=now)

    with pytest.raises(Conflict, match="not its creator"):
        members.hand_over(account=account, user_id=two.pk, by=creator, now=now)


@pytest.mark.parametrize("sql", ["DELETE FROM accounts_member", "UPDATE"])
def test_an_account_is_never_without_its_creator(account: Account, sql: str) -> None:
    if sql == "UPDATE":
        sql = "UPDATE accounts_member SET is_creator = false"

    def act() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="left without its creator"):
        act()


def test_an_account_is_never_opened_without_its_creator(now: datetime) -> None:
    def act() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            Account.objects.create(slug="x", name="X", created_at=now)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="left without its creator"):
        act()


def test_names_are_text_and_not_markup(
    client: Client, account: Account, now: datetime
) -> None:
    User.objects.update(name="<script>alert(1)</script>")
    client.force_login(creator_of(account))
    token = inviting.invite_token(invited(account, "lena@example.com", now))

    for address in (
        url("members", account),
        url("hand-over", account),
        reverse("accounts:accept-invite", args=[token]),
        "/profile",
    ):
        assertNotContains(client.get(address), "<script>alert")


def test_the_list_costs_the_same_for_any_number_of_members(
    client: Client, account: Account
) -> None:
    client.force_login(creator_of(account))
    client.get(url("members", account))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(url("members", account))
        return len(captured)

    few = queries()
    for _ in range(12):
        member_of(account)

    assert queries() == few
