"""What staff do with money in the back office: record, take back, adjust."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings
from pytest_django.asserts import assertContains

from accounts.errors import (
    InsufficientBalance,
    KeyReused,
    NothingToDo,
    ReferenceReused,
    SecondPersonNeeded,
    StaffIsMember,
)
from accounts.models import (
    Account,
    Adjustment,
    AuditEntry,
    BalanceEntry,
    BankTransfer,
    TopUp,
    User,
)
from accounts.services import adjusting, opening, topping_up, transfers
from quota.services.reconciling import reconcile
from tests.factories import UserFactory, creator_of

pytestmark = pytest.mark.django_db
ADD = "/admin/accounts/banktransfer/add/"
ADJUST = "/admin/accounts/adjustment/add/"


def staff(*permissions: str) -> User:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def record(
    account: Account, by: User, now: datetime, reference: str = "TRX 1", **changes: Any
) -> BankTransfer:
    fields = {"amount": Decimal(50), "value_on": date(2026, 11, 23), **changes}
    return transfers.record(
        account=account, bank_reference=reference, by=by, now=now, **fields
    )


def adjust(
    account: Account, amount: int, by: User, now: datetime, **changes: Any
) -> Adjustment:
    fields = {"reason": "Agreed by phone.", "key": uuid4(), **changes}
    return adjusting.ask(
        account=account, amount=Decimal(amount), by=by, now=now, **fields
    )


def stands(account: Account) -> str:
    account.refresh_from_db()
    return f"{account.balance} / {account.debt}"


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


@pytest.fixture
def other(now: datetime) -> Account:
    return opening.open_account(
        slug="other",
        name="Other Ltd",
        zone="UTC",
        currency="USD",
        creator=UserFactory.create(),
        now=now,
    )


def test_a_bank_transfer_is_money_once_it_is_recorded(
    account: Account, now: datetime
) -> None:
    asked = topping_up.request(
        account=account,
        method="bank",
        amount=Decimal(50),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )
    topping_up.begin(top_up=asked, done_url="", back_url="")
    assert stands(account) == "0.00 / 0.00"

    record(account, staff(), now)

    assert stands(account) == "50.00 / 0.00"
    assert TopUp.objects.get().state == "paid"
    assert AuditEntry.objects.get().act == "record_top_up"
    assert books_are_proved()


def test_the_same_bank_reference_is_recorded_once(
    account: Account, now: datetime
) -> None:
    by = staff()

    first = record(account, by, now)
    second = record(account, by, now, reference=" trx  1 ")

    assert first.pk == second.pk
    assert stands(account) == "50.00 / 0.00"
    assert AuditEntry.objects.count() == 1


def test_a_bank_reference_that_comes_again_as_something_else_is_refused(
    account: Account, other: Account, now: datetime
) -> None:
    by = staff()
    record(account, by, now)

    for change in ({"amount": Decimal(51)}, {"value_on": date(2026, 11, 22)}):
        with pytest.raises(ReferenceReused):
            record(account, by, now, **change)
    with pytest.raises(ReferenceReused):
        record(other, by, now)

    assert stands(account) == "50.00 / 0.00"
    assert stands(other) == "0.00 / 0.00"


def test_a_transfer_recorded_for_the_wrong_account_is_moved(
    account: Account, other: Account, now: datetime
) -> None:
    by = staff()
    wrong = record(account, by, now)

    transfers.reverse(transfer=wrong, reason="Not yours.", by=by, now=now)
    record(other, by, now)

    assert stands(account) == "0.00 / 0.00"
    assert stands(other) == "50.00 / 0.00"
    with pytest.raises(NothingToDo):
        transfers.reverse(transfer=wrong, reason="Again.", by=by, now=now)
    assert books_are_proved()


def test_staff_touch_no_money_of_their_own_account(
    account: Account, now: datetime
) -> None:
    member = creator_of(account)

    with pytest.raises(StaffIsMember):
        record(account, member, now)
    with pytest.raises(StaffIsMember):
        adjust(account, 501, member, now)
    waiting = adjust(account, 501, staff(), now)
    with pytest.raises(StaffIsMember):
        adjusting.confirm(adjustment=waiting, by=member, now=now)

    assert stands(account) == "0.00 / 0.00"


def test_a_small_adjustment_is_booked_at_once(account: Account, now: datetime) -> None:
    by = staff()

    adjust(account, 500, by, now)

    assert stands(account) == "500.00 / 0.00"
    entry = BalanceEntry.objects.get()
    assert (entry.reason, entry.by) == ("Agreed by phone.", by)
    assert books_are_proved()


def test_the_same_press_adjusts_once_and_with_other_input_nothing(
    account: Account, now: datetime
) -> None:
    by, key = staff(), uuid4()

    first = adjust(account, 5, by, now, key=key)

    assert adjust(account, 5, by, now, key=key) == first
    with pytest.raises(KeyReused):
        adjust(account, 6, by, now, key=key)
    with pytest.raises(KeyReused):
        adjust(account, 5, by, now, key=key, reason="Agreed by letter.")
    assert stands(account) == "5.00 / 0.00"


def test_above_the_limit_of_thirty_days_another_person_confirms(
    account: Account, now: datetime, settings: Settings
) -> None:
    first, second = staff(), staff()
    adjust(account, 300, first, now - timedelta(days=29))
    waiting = adjust(account, -201, first, now)
    other = adjust(account, 201, first, now)
    assert waiting.state == "waiting"
    assert stands(account) == "300.00 / 0.00"
    with pytest.raises(SecondPersonNeeded):
        adjusting.confirm(adjustment=waiting, by=first, now=now)

    adjusting.confirm(adjustment=waiting, by=second, now=now)

    assert stands(account) == "99.00 / 0.00"
    with pytest.raises(NothingToDo):
        adjusting.decline(adjustment=waiting, by=second, now=now)
    adjusting.decline(adjustment=other, by=first, now=now)
    acts = AuditEntry.objects.order_by("pk").values_list("act", "by")
    assert list(acts) == [
        ("ask_adjustment", first.pk), ("adjustment_booked", first.pk),
        ("ask_adjustment", first.pk), ("ask_adjustment", first.pk),
        ("adjustment_booked", second.pk), ("adjustment_declined", first.pk),
    ]  # fmt: skip
    assert books_are_proved()


def test_what_was_adjusted_longer_ago_or_declined_does_not_count(
    account: Account, now: datetime
) -> None:
    adjust(account, 300, staff(), now - timedelta(days=30))
    declined = adjust(account, 501, staff(), now)
    adjusting.decline(adjustment=declined, by=staff(), now=now)

    assert adjust(account, 500, staff(), now).state == "booked"


def test_a_confirmation_that_takes_too_much_changes_nothing(
    account: Account, now: datetime
) -> None:
    waiting = adjust(account, -501, staff(), now)

    with pytest.raises(InsufficientBalance):
        adjusting.confirm(adjustment=waiting, by=staff(), now=now)

    waiting.refresh_from_db()
    assert waiting.state == "waiting"
    assert stands(account) == "0.00 / 0.00"


FIELDS = {
    "account": "empty",
    "amount": "12.50",
    "bank_reference": "TRX 7",
    "value_on": "2026-11-23",
}


def post(by: User, url: str, fields: dict[str, Any], now: datetime) -> Any:
    client = Client()
    client.force_login(by)
    with time_machine.travel(now, tick=False):
        return client.post(url, fields)


def test_four_fields_in_the_admin_record_a_transfer(
    account: Account, now: datetime
) -> None:
    by = staff("record_top_up", "view_banktransfer")

    answers = [post(by, ADD, FIELDS, now) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert stands(account) == "12.50 / 0.00"
    assert AuditEntry.objects.get().address == "127.0.0.1"


def test_the_reference_a_customer_wrote_finds_the_account(
    account: Account, now: datetime
) -> None:
    asked = topping_up.request(
        account=account,
        method="bank",
        amount=Decimal(50),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )
    by = staff("record_top_up")
    swapped = asked.reference.replace("RF", "RF9")[:-1]

    wrong = post(by, ADD, {**FIELDS, "account": swapped}, now)
    right = post(by, ADD, {**FIELDS, "account": asked.reference.lower()}, now)

    assertContains(wrong, "No top-up has this reference", status_code=422)
    assert right.status_code == 302
    assert stands(account) == "12.50 / 0.00"


@pytest.mark.parametrize(
    "bad",
    [
        {"account": "nobody"},
        {"account": "RF"},
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "1.001"},
        {"amount": "lots"},
        {"bank_reference": " "},
        {"value_on": "2026-12-01"},
        {"value_on": "yesterday"},
    ],
)
def test_a_bad_field_is_said_and_books_nothing(
    account: Account, now: datetime, bad: dict[str, str]
) -> None:
    response = post(staff("record_top_up"), ADD, {**FIELDS, **bad}, now)

    assertContains(response, "Nothing was changed.", status_code=422)
    assert not BankTransfer.objects.exists()


def test_a_refusal_is_said_beside_the_form(account: Account, now: datetime) -> None:
    by = staff("record_top_up")
    post(by, ADD, FIELDS, now)

    response = post(by, ADD, {**FIELDS, "amount": "13"}, now)

    assertContains(response, "already booked as something else", status_code=409)


@pytest.mark.parametrize("url", [ADD, ADJUST])
def test_staff_without_the_permission_do_nothing(
    account: Account, now: datetime, url: str
) -> None:
    response = post(staff("view_banktransfer"), url, FIELDS, now)

    assert response.status_code == 403


def test_taking_a_transfer_back_needs_its_own_permission_and_a_reason(
    account: Account, now: datetime
) -> None:
    transfer = record(account, staff(), now)
    url = f"/admin/accounts/banktransfer/{transfer.pk}/reverse/"

    assert post(staff("record_top_up"), url, {"reason": "x"}, now).status_code == 403
    by = staff("reverse_top_up")
    assert post(by, url, {"reason": ""}, now).status_code == 422
    assert post(by, url, {"reason": "Wrong account."}, now).status_code == 302

    assert stands(account) == "0.00 / 0.00"


def test_an_adjustment_goes_through_two_people_in_the_admin(
    account: Account, now: datetime
) -> None:
    fields = {
        "account": "empty",
        "amount": "600",
        "reason": "Credit for the outage.",
        "key": str(uuid4()),
    }
    first = staff("adjust_balance", "confirm_adjustment")
    for _ in range(2):
        assert post(first, ADJUST, fields, now).status_code == 302
    adjustment = Adjustment.objects.get()
    url = f"/admin/accounts/adjustment/{adjustment.pk}/confirm/"

    alone = post(first, url, {}, now)
    together = post(staff("confirm_adjustment"), url, {}, now)

    assertContains(alone, "A second person has to confirm", status_code=403)
    assert together.status_code == 302
    assert stands(account) == "600.00 / 0.00"


def test_the_pages_of_the_back_office_open(
    account: Account, now: datetime, client: Client
) -> None:
    by = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(by)
    transfer = record(account, by, now)
    waiting = adjust(account, 600, by, now)
    root = "/admin/accounts"

    for path in (
        "banktransfer/",
        "banktransfer/add/",
        f"banktransfer/{transfer.pk}/change/",
        f"banktransfer/{transfer.pk}/reverse/",
        "adjustment/",
        "adjustment/add/",
        f"adjustment/{waiting.pk}/change/",
        f"adjustment/{waiting.pk}/decline/",
        "topup/",
        "paymentevent/",
    ):
        assert client.get(f"{root}/{path}").status_code == 200, path
    assertContains(
        client.get(f"{root}/banktransfer/{transfer.pk}/change/"), "Take back"
    )
