"""A connection that knew small tables is quick with tables loaded in bulk."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Account
from quota.models import Image, Scope, Selection
from quota.services import scanning
from quota.services.scanning import ScanRequest
from tests.factories import ALL, ImageFactory, account_with, finish

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 1_500


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


def test_checks_planned_for_small_tables_do_not_read_large_ones(now: datetime) -> None:
    for number in range(7):
        small = _account(f"small-{number}", 3, now)
        _reserve_all(small, now)
        finish(small, now)
    large = _account("large", MANY, now)
    before = _rows_read()

    _reserve_all(large, now)

    assert _rows_read() - before < 100 * MANY
