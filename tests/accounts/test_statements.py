"""Statements: the same answers as the querysets they are made from."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet

from accounts.models import Account, BalanceEntry, Member
from accounts.statements import Statement
from quota.models import Scan
from tests.factories import account_with, creator_of

pytestmark = pytest.mark.django_db


def _entries(account: int, since: datetime) -> QuerySet[BalanceEntry]:
    entries = BalanceEntry.objects.filter(account=account, created_at__gte=since)
    return entries.order_by("pk")


ENTRIES = Statement(_entries, {"account": int, "since": datetime}, BalanceEntry)


def test_the_values_change_and_the_words_do_not(now: datetime) -> None:
    first = account_with(now=now, slug="first")
    second = account_with(now=now + timedelta(days=1), slug="second")

    for account, since in ((first, now), (second, now), (first, now + timedelta(1))):
        rows = ENTRIES.rows(account=account.pk, since=since)
        expected = _entries(account.pk, since)

        assert [row[0] for row in rows] == [entry.pk for entry in expected]
        assert ENTRIES.count(account=account.pk, since=since) == len(expected)


def test_a_row_becomes_the_objects_django_would_make(now: datetime) -> None:
    account = account_with(now=now)
    person = creator_of(account)
    statement = Statement(
        lambda user: Member.objects.select_related("account").filter(user=user),
        {"user": int},
        Member,
        Account,
    )

    found = statement.first(user=person.pk)

    assert found == [Member.objects.get(user=person), account]
    assert found[1].__dict__.keys() == Account.objects.get().__dict__.keys()
    assert found[1].balance == account.balance
    assert statement.first(user=person.pk + 1) is None


def test_a_statement_is_counted_as_a_query(
    now: datetime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        ENTRIES.rows(account=1, since=now)


def test_a_parameter_that_the_query_changes_is_refused() -> None:
    earlier = Statement(
        lambda now: Member.objects.filter(
            account__created_at__lt=now - timedelta(days=1)
        ),
        {"now": datetime},
    )

    with pytest.raises(TypeError, match="now"):
        earlier.rows(now=None)


def test_a_column_that_django_converts_is_refused() -> None:
    with pytest.raises(TypeError, match="converted"):
        Statement(lambda pk: Scan.objects.filter(pk=pk), {"pk": int}).rows(pk=1)
