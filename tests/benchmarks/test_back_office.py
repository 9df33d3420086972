"""The back office over 1,000,000 ledger entries and 100,000 accounts."""

import time
from datetime import datetime

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from quota.models import LedgerEntry, QuotaWindow
from tests.factories import UserFactory, account_with

pytestmark = pytest.mark.django_db(transaction=True)
ENTRIES, ACCOUNTS = 1_000_000, 100_000
SLOWEST = 1.5
LISTS = (
    ("quota_ledgerentry", ""),
    ("quota_ledgerentry", "of=halden-pay"),
    ("quota_ledgerentry", "q=halden-pay"),
    ("quota_ledgerentry", "kind__exact=grant"),
    ("quota_ledgerentry", "p=10"),
    ("quota_quotawindow", ""),
    ("accounts_account", ""),
    ("accounts_account", "q=bulk-99999"),
    ("accounts_account", "q=nobody@example.com"),
    ("accounts_balanceentry", ""),
    ("quota_refundrequest", ""),
)


@pytest.fixture
def large(now: datetime) -> int:
    """Rows made in bulk, as the years would: one busy account among many."""
    account = account_with(now=now)
    window = QuotaWindow.objects.order_by("pk")[0]
    creator = UserFactory.create()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO accounts_account (slug, name, zone, currency, balance,
                                              debt, created_at)
                SELECT 'bulk-' || n, 'Bulk ' || n, 'UTC', 'USD', 0, 0, %s
                FROM generate_series(1, %s) n RETURNING id
            )
            INSERT INTO accounts_member (account_id, user_id, is_creator,
                                         is_global_resource, is_financial,
                                         quiet)
            SELECT id, %s, true, false, false, '{}' FROM made
            """,
            [now, ACCOUNTS, creator.pk],
        )
        cursor.execute(
            """
            INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
                free_after_tenths, scan, task, image_digest, reason, outcome,
                created_at)
            SELECT %s, %s, 'hold', 1, 1, n, 1, '', 'repeat', '', %s
            FROM generate_series(1, %s) n
            """,
            [account.pk, window.pk, now, ENTRIES],
        )
        cursor.execute("ANALYZE accounts_account")
        cursor.execute("ANALYZE quota_ledgerentry")
    assert LedgerEntry.objects.count() > ENTRIES
    return account.pk


def test_every_list_answers_quickly_and_counts_nothing_whole(
    client: Client, large: int
) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    slow = []
    for model, query in LISTS:
        url = f"{reverse(f'admin:{model}_changelist')}?{query}"
        client.get(url)
        begun = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            response = client.get(url)
        seconds = time.perf_counter() - begun
        print(f"{model:24} {query:24} {seconds * 1000:8.0f} ms {len(queries):3}")  # noqa: T201
        assert response.status_code == 200
        assert len(queries) <= 15, (model, query)
        if seconds > SLOWEST:
            slow.append((model, query, seconds))

    assert slow == []
