"""A connection that knew small tables is quick with tables loaded in bulk."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Account
from quota.models import Image, QuotaWindow, Scope, Selection
from quota.pages.ledger_csv import entries_csv
from quota.pages.ledger_filter import Asked
from quota.services import scanning
from quota.services.scanning import ScanRequest
from tests.conftest import as_owner
from tests.factories import ALL, ImageFactory, account_with, finish

pytestmark = pytest.mark.django_db(transaction=True)
MANY, ENTRIES = 1_500, 20_000


def _account(slug: str, images: int, now: datetime) -> Account:
    account = account_with(quantity=6_000, slug=slug, now=now)
    Image.objects.bulk_create(
        ImageFactory.build_batch(images, account=account), batch_size=1_000
    )
    return account


def _reserve_all(account: Account, now: datetime) -> None:
    scanning.reserve(
        account=account,
        request=ScanRequest(Selection(Scope.ALL), ALL, "All local images"),
        agreed=None,
        key=uuid4(),
        by=None,
        now=now,
    )


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))"
            " FROM pg_stat_user_tables"
        )
        ((read,),) = cursor.fetchall()
    return int(read)


def _fill_ledger(account: Account, now: datetime) -> None:
    window = QuotaWindow.objects.filter(account=account).earliest("pk")
    with connection.cursor() as cursor:
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


def test_a_download_does_not_read_what_another_account_wrote_later(
    now: datetime,
) -> None:
    first, later = (account_with(slug=slug, now=now) for slug in ("first", "later"))
    _fill_ledger(first, now)
    _fill_ledger(later, now)
    with as_owner() as owner:
        owner.execute("ANALYZE quota_ledgerentry")
    before = _rows_read()

    rows = list(entries_csv(first, Asked(), now))

    assert len(rows) > ENTRIES
    assert _rows_read() - before < 1.5 * ENTRIES


def test_checks_planned_for_small_tables_do_not_read_large_ones(now: datetime) -> None:
    for number in range(7):
        small = _account(f"small-{number}", 3, now)
        _reserve_all(small, now)
        finish(small, now)
    large = _account("large", MANY, now)
    before = _rows_read()

    _reserve_all(large, now)

    assert _rows_read() - before < 100 * MANY
