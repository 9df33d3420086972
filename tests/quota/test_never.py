"""Each "never" of the rules, hit with SQL that goes around the services."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import F

from accounts.models import Account, AuditEntry, BalanceEntry, Member
from quota.models import (
    Image,
    LedgerEntry,
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    Scan,
    ScanTask,
    Subscription,
    Tariff,
)
from quota.services.reconciling import reconcile
from tests.factories import ImageFactory, UserFactory, account_with, press

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now)


def again(row: object, **changes: object) -> Callable[[], object]:
    """Insert a copy of a row."""

    def insert() -> None:
        copied = type(row).objects.get(pk=row.pk)  # type: ignore[attr-defined]
        copied.pk = None
        for name, value in changes.items():
            setattr(copied, name, value)
        copied.save(force_insert=True)

    return insert


def refused(constraint: str, act: Callable[[], object]) -> None:
    def act_and_check() -> None:
        with transaction.atomic():
            act()
            connection.check_constraints()

    with pytest.raises(IntegrityError, match=constraint):
        act_and_check()


def test_a_window_is_never_overdrawn(account: Account) -> None:
    windows = QuotaWindow.objects.all()

    refused("window_never_overdrawn", lambda: windows.update(held_tenths=3001))
    refused("window_never_overdrawn", lambda: windows.update(used_tenths=3001))


def test_a_balance_is_never_negative(account: Account) -> None:
    accounts = Account.objects.all()

    refused("account_balance_never_negative", lambda: accounts.update(balance=-1))
    refused("never_has_both", lambda: accounts.update(debt=1))


def test_windows_of_a_pack_never_overlap(account: Account) -> None:
    window = QuotaWindow.objects.order_by("number")[0]

    refused("window_never_overlaps", again(window, number=9))


def test_terms_and_subscriptions_never_overlap(account: Account, now: datetime) -> None:
    subscription = Subscription.objects.get()
    term = subscription.terms.get()

    refused("subscription_never_two_at_once", again(subscription))
    refused("term_never_overlaps", again(term, number=2))
    refused("term_charged_once", again(term))


def test_one_scan_in_flight_per_image(account: Account, now: datetime) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    scan = Scan.objects.get()
    task = ScanTask.objects.get()
    again(task, key="5d1c1f6e-0000-4000-8000-000000000001")()
    other = ScanTask.objects.exclude(pk=task.pk).get()

    refused("scan_one_in_flight_per_image", again(scan, task=other))


def test_a_key_has_one_effect(account: Account, now: datetime) -> None:
    press(account, [ImageFactory.create(account=account)], now)

    refused("task_once_per_key", again(ScanTask.objects.get()))
    refused("order_once_per_key", again(Order.objects.get(), number=7))


def test_a_hold_is_made_once_and_ends_once(account: Account, now: datetime) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    hold = LedgerEntry.objects.get(kind="hold")

    refused("ledger_hold_once", again(hold))
    again(hold, kind="settle", outcome="succeeded")()
    refused("ledger_hold_ends_once", again(hold, kind="release", outcome="failed"))


def test_an_entry_never_moves_nothing(account: Account, now: datetime) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    hold = LedgerEntry.objects.get(kind="hold")
    ended = {"kind": "settle", "outcome": "succeeded"}
    grant = LedgerEntry.objects.filter(kind="grant").earliest("pk")

    refused("moves_something", again(hold, scan=2**40, tenths=0))
    refused("moves_something", again(hold, tenths=0, **ended))
    refused("moves_something", again(hold, tenths=0, kind="release", outcome="failed"))
    refused("moves_something", again(hold, tenths=0, kind="lapse"))
    refused("moves_something", again(grant, tenths=0, kind="revoke"))
    again(grant, tenths=0, kind="lapse")()


def test_an_order_is_paid_once(account: Account) -> None:
    paid = BalanceEntry.objects.get(kind="purchase")

    refused("balance_entry_once_per_reference", again(paid))


def test_only_a_reversal_makes_a_debt(account: Account) -> None:
    paid = BalanceEntry.objects.get(kind="purchase")
    owing = {"balance_after": 0, "debt_after": 1}

    refused("only_a_reversal_makes_a_debt", again(paid, reference="a", **owing))
    refused("never_leaves_both", again(paid, reference="b", debt_after=1))
    refused("never_leaves_both", again(paid, reference="c", debt_after=-1))
    refused("says_why", again(paid, reference="d", kind="reversal", **owing))


def test_a_line_about_quota_names_its_pack(account: Account) -> None:
    line = OrderLine.objects.get(kind="pack")

    refused("names_it", again(line, position=9, pack=None))
    refused("names_it", again(line, position=9, kind="edition"))


def test_an_account_has_one_creator(account: Account) -> None:
    creator = Member.objects.get(account=account)

    refused("account_has_one_creator", again(creator, user=UserFactory.create()))


def test_a_row_never_names_another_accounts_row(
    account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    pack = QuotaPack.objects.get(account=other)
    window = QuotaWindow.objects.filter(account=account).order_by("number")[0]
    image = ImageFactory.create(account=other)
    press(account, [ImageFactory.create(account=account)], now)
    scan = Scan.objects.get()

    refused("same_account", again(window, pack=pack))
    refused("same_account", again(scan, image=image))


def test_an_image_is_one_per_id_and_account(account: Account) -> None:
    image = ImageFactory.create(account=account)

    refused("image_is_one_per_id", again(image))
    refused("image_id_is_a_digest", again(image, digest="latest"))


def test_a_scan_ends_with_a_date_and_an_outcome(
    account: Account, now: datetime
) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    scans = Scan.objects.all()

    refused("scan_end_is_dated", lambda: scans.update(state="settled"))
    refused("scan_claimed_while_running", lambda: scans.update(state="running"))


@pytest.mark.parametrize("model", [LedgerEntry, BalanceEntry, AuditEntry, Tariff])
def test_the_applications_role_may_not_change_a_ledger(
    account: Account, model: "type[LedgerEntry | BalanceEntry | AuditEntry | Tariff]"
) -> None:
    for statement in ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(model._meta.db_table))


def test_the_applications_role_waits_for_a_lock_only_so_long(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")

        assert cursor.fetchone() == ("5s",)


def test_reconcile_sees_a_counter_that_no_entry_explains(
    account: Account, now: datetime
) -> None:
    from_services = QuotaWindow.objects.filter(account=account)
    from_services.update(used_tenths=F("used_tenths") + 1)

    assert broken() == ["window counters equal the ledger"]


def test_reconcile_sees_a_scan_without_its_hold(
    account: Account, now: datetime
) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    Scan.objects.update(cost_tenths=F("cost_tenths") + 1)

    assert "open holds belong to scans in flight, and cover their cost" in broken()


def test_reconcile_sees_a_balance_and_a_result_from_nowhere(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    Image.objects.filter(pk=image.pk).update(result=1, scanned_at=now, first_scans=1)
    Account.objects.update(balance=F("balance") + 1)

    assert {
        "balances less debts equal the sum of their entries",
        "every shown result was charged",
    } <= set(broken())


def test_reconcile_sees_a_gap_between_windows(account: Account) -> None:
    last = QuotaWindow.objects.order_by("-number")[0]
    QuotaWindow.objects.filter(pk=last.pk).update(
        starts_at=last.starts_at + timedelta(hours=1)
    )

    assert broken() == [
        "windows of a pack tile from its anchor to the end, each granted whole"
    ]


def broken() -> list[str]:
    return [proof.claim for proof in reconcile() if proof.broken]
