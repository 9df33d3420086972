"""Renewal around the end: in grace to the instant, what lapses, what is over."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account
from quota.errors import NotActive
from quota.models import QuotaPack, Subscription, Term
from quota.pages.header import quota_header
from quota.quotes import Basket
from quota.rules.lifecycle import GRACE
from quota.services import purchasing, windows
from tests.factories import ImageFactory, account_with, buy, press, renew
from tests.quota.renewals import BOUGHT, END, MOMENT, books_are_proved, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


def test_in_grace_a_renewal_starts_at_the_old_end_and_restores(
    account: Account,
) -> None:
    late = END + timedelta(days=3)
    with pytest.raises(NotActive):
        purchasing.quote(account=account, basket=Basket(quantity=300), now=late)
    assert quota_header(account, late) is None

    renew(account, late, months=1)

    subscription = Subscription.objects.get()
    assert subscription.ends_at == datetime(2026, 4, 30, 14, tzinfo=UTC)
    assert Term.objects.get(number=2).starts_at == END
    header = quota_header(account, late)
    assert header
    assert header.left == "300"
    press(account, [ImageFactory.create(account=account)], late)
    assert books_are_proved()


def test_a_natural_end_that_passed_in_grace_has_lapsed(account: Account) -> None:
    bought = datetime(2026, 3, 2, 9, tzinfo=UTC)  # its month would end on 2 April
    buy(account, Basket(quantity=600), bought)
    extra = QuotaPack.objects.get(quantity=600)
    windows.lapse_ended(now=END + timedelta(days=1))
    cut = extra.windows.get()
    assert (cut.ends_at, cut.lapsed_at, cut.free_tenths) == (END, None, 6000)
    late = END + timedelta(days=4)

    renew(account, late, months=1)
    windows.lapse_ended(now=late)

    cut.refresh_from_db()
    assert (cut.ends_at, cut.lapsed_at) == (datetime(2026, 4, 2, 9, tzinfo=UTC), late)
    assert (cut.lapsed_tenths, cut.free_tenths) == (6000, 0)
    header = quota_header(account, late)
    assert header
    assert header.left == "900"
    assert books_are_proved()


def test_a_cut_window_is_neither_open_nor_lapsed_and_lapses_once_after_grace(
    account: Account,
) -> None:
    buy(account, Basket(quantity=600), datetime(2026, 3, 2, 9, tzinfo=UTC))
    cut = QuotaPack.objects.get(quantity=600).windows.get()

    windows.lapse_ended(now=END + GRACE)
    cut.refresh_from_db()
    assert (cut.lapsed_at, cut.free_tenths) == (None, 6000)
    assert windows.lapse_ended(now=END + GRACE + MOMENT) == 1
    assert windows.lapse_ended(now=END + GRACE + MOMENT) == 0

    cut.refresh_from_db()
    assert (cut.lapsed_tenths, cut.free_tenths) == (6000, 0)
    assert books_are_proved()


def test_a_window_that_ends_by_itself_at_the_end_lapses_there(account: Account) -> None:
    assert windows.lapse_ended(now=END - MOMENT) == 1
    assert windows.lapse_ended(now=END) == 1
    renew(account, END + timedelta(days=1), months=1)

    assert books_are_proved()


def test_at_the_last_instant_of_grace_it_is_allowed(account: Account) -> None:
    renew(account, END + GRACE, months=1)

    assert Term.objects.count() == 2


def test_one_microsecond_later_it_is_refused(account: Account) -> None:
    words = nothing_changes(
        lambda: renew(account, END + GRACE, months=1, at=END + GRACE + MOMENT),
        NotActive,
    )

    assert "closed" in words


def test_a_worker_that_lapsed_a_cut_window_has_closed_the_renewal(
    account: Account,
) -> None:
    """A press of the last instant that waited for the lock until grace was over."""
    buy(account, Basket(quantity=600), datetime(2026, 3, 2, 9, tzinfo=UTC))
    windows.lapse_ended(now=END + GRACE + MOMENT)

    nothing_changes(lambda: renew(account, END + GRACE, months=1), NotActive)


def test_nothing_is_terminated_before_its_time_or_renewed_after(
    account: Account,
) -> None:
    rows = Subscription.objects.filter(account=account)
    deletion = END + timedelta(days=6)
    with (
        pytest.raises(IntegrityError, match="subscription_never_terminated_early"),
        transaction.atomic(),
    ):
        rows.update(terminated_at=deletion - MOMENT)
    with (
        pytest.raises(IntegrityError, match="never_deleted_before_termination"),
        transaction.atomic(),
    ):
        rows.update(data_deleted_at=deletion)
    rows.update(terminated_at=deletion)

    with (
        pytest.raises(IntegrityError, match="subscription_never_terminated_early"),
        transaction.atomic(),
    ):
        rows.update(ends_at=END + MOMENT)
