"""Lists of the back office: what is looked for is found exactly, acts are in words."""

from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, PaymentEvent, TopUp
from accounts.services import topping_up, transfers
from tests.factories import UserFactory, account_with, creator_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now)


@pytest.fixture
def staff(client: Client) -> Client:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="see_back_office"))
    client.force_login(user)
    return client


@pytest.fixture
def top_up(account: Account, now: datetime) -> TopUp:
    other = account_with(now=now, slug="other")
    made = [
        topping_up.request(
            account=each, method="bank", amount=Decimal(50), key=uuid4(),
            by=creator_of(each), now=now,
        )
        for each in (other, account)
    ]  # fmt: skip
    return made[1]


def found(client: Client, model: str, term: str) -> int:
    page = client.get(reverse(f"admin:accounts_{model}_changelist"), {"q": term})
    return int(page.context["cl"].result_count)


def test_a_top_up_is_found_by_what_stands_on_the_transfer(
    staff: Client, top_up: TopUp
) -> None:
    reference = top_up.reference
    mistyped = f"{reference[:-1]}{(int(reference[-1]) + 1) % 10}"

    for term in (reference, reference.replace(" ", ""), "halden-pay", str(top_up.pk)):
        assert found(staff, "topup", term) == 1, term
    assert [found(staff, "topup", term) for term in (mistyped, "halden", "50")] == [
        0
    ] * 3


def test_transfers_and_events_are_found_whole_or_not_at_all(
    staff: Client, account: Account, now: datetime
) -> None:
    transfers.record(
        account=account, amount=Decimal(50), bank_reference="TRX 1",
        value_on=date(2026, 11, 23), by=UserFactory.create(), now=now,
    )  # fmt: skip
    PaymentEvent.objects.create(
        provider="stripe", event="evt_1", kind="x", effect="none", thing="cs_1",
        received_at=now,
    )  # fmt: skip

    assert [found(staff, "banktransfer", each) for each in ("TRX 1", "TRX")] == [1, 0]
    assert [found(staff, "paymentevent", each) for each in ("cs_1", "evt_1", "cs")] == [
        1,
        1,
        0,
    ]


def test_the_audit_list_says_what_was_done_in_words(
    staff: Client, account: Account, now: datetime
) -> None:
    transfers.record(
        account=account, amount=Decimal(50), bank_reference="TRX 1",
        value_on=date(2026, 11, 23), by=UserFactory.create(), now=now,
    )  # fmt: skip

    page = staff.get(reverse("admin:accounts_auditentry_changelist"))

    assertContains(page, "Recorded a bank transfer")
    assertNotContains(page, "record_top_up")
    assertNotContains(page, "{&#x27;")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("accounts/balanceentry/?of=a%00b", 200),
        ("accounts/balanceentry/csv/?of=a%00b", 200),
        ("accounts/balanceentry/csv/?kind__exact=a%00b", 422),
        ("accounts/topup/csv/?no_such_column=1", 422),
        ("accounts/topup/{pk}/change/?_to_field=", 200),
        ("procrastinate/procrastinatejob/?status__exact=no", 422),
        ("procrastinate/procrastinatejob/csv/?status__exact=no", 422),
    ],
)
def test_an_address_that_no_list_shows_is_answered(
    staff: Client, top_up: TopUp, path: str, status: int
) -> None:
    response = staff.get(f"/admin/{path.format(pk=top_up.pk)}")

    assert response.status_code == status


def test_a_row_is_not_copied_by_who_may_add_one(client: Client) -> None:
    """Django would write one past the service."""
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))

    for rows in ("banktransfer", "adjustment"):
        path = f"/admin/accounts/{rows}/1/change/"
        assert client.post(path, {"_saveasnew": "1"}).status_code == 403
