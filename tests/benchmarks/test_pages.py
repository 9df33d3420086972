"""The header and the list, small and large, beside a look-up and an empty view."""

import os
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account
from quota.models import Image, Kind, QuotaWindow
from quota.pages.header import quota_header
from tests.benchmarks.conftest import (
    NOW,
    Figures,
    analyze,
    large_account,
    run,
    side_by_side,
    vacuum,
)
from tests.benchmarks.served import visiting
from tests.factories import creator_of

pytestmark = pytest.mark.django_db(transaction=True)
LARGE = int(os.environ.get("BENCH_IMAGES", "1000000"))
LEDGER = int(os.environ.get("BENCH_LEDGER", "10000000"))
SORTS = ("name", "containers", "risk", "active")
FILTERS = {
    "no filter": "",
    "state": "&state=scanned",
    "search": "&q=pay",
    "late search": "&q=vault",
}


def signed_in(account: Account) -> Client:
    client = Client()
    client.force_login(creator_of(account))
    return client


def asking(client: Client, account: Account, query: str) -> Callable[[], None]:
    """A page of the list, asked for often enough that its statements are prepared."""
    url = f"{reverse('quota:images', args=[account.slug, Kind.LOCAL])}?{query}"

    def ask() -> None:
        assert client.get(url).status_code == 200

    for _ in range(8):
        ask()
    return ask


def test_the_list_small_and_large(figures: Figures) -> None:
    small = large_account("small", 1_000, scanned=500)
    large = large_account("large", LARGE, scanned=LARGE // 2)
    for account in (small, large):
        _name_some_late(account)
    vacuum()
    clients = {account.slug: signed_in(account) for account in (small, large)}

    for sort in SORTS:
        for name, query in FILTERS.items():
            of_large, of_small = (
                asking(clients[account.slug], account, f"sort={sort}{query}")
                for account in (large, small)
            )
            title = f"list by {sort}, {name}: {LARGE:,} / 1,000 images"
            figures.most(title, *side_by_side(of_large, of_small, 21), 1.5)
    _served(figures, clients["large"], large)
    _deep(figures, clients["large"], large)


def _name_some_late(account: Account) -> None:
    """Give a few images a word that no other has and that sorts last by name."""
    last = Image.objects.filter(account=account).order_by("-name")[:60]
    Image.objects.filter(pk__in=list(last.values_list("pk", flat=True))).update(
        name=Concat(Value("zz-vault/"), "name")
    )


def _served(figures: Figures, client: Client, account: Account) -> None:
    url = f"{reverse('quota:images', args=[account.slug, Kind.LOCAL])}?sort=active"
    with visiting(client) as visitor:
        for _ in range(20):
            visitor.get(url)
            visitor.get("/empty")
        pages = side_by_side(
            lambda: visitor.get(url), lambda: visitor.get("/empty"), 150
        )
    figures.least("list served / empty view, requests a second", *pages, 0.10)


def _deep(figures: Figures, client: Client, account: Account) -> None:
    url = reverse("quota:images", args=[account.slug, Kind.LOCAL])
    for sort in SORTS:
        query = f"sort={sort}"
        for _ in range(40):
            content = client.get(f"{url}?{query}").content.decode()
            found = re.search(r'href="\?([^"]*after=[^"]*)"', content)
            assert found
            query = found[1].replace("&amp;", "&")
        deep = asking(client, account, query)
        first = asking(client, account, f"sort={sort}")
        both = side_by_side(deep, first, 21)
        figures.most(f"list by {sort}: page 41 / page 1", *both, 1.5)


def test_the_header_beside_a_primary_key_select(figures: Figures) -> None:
    account = large_account("header", 10)
    window = QuotaWindow.objects.open_at(account.pk, NOW).get()
    run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
        SELECT %(account)s, %(window)s, 'hold', 1, 0, n, 1, '', 'first', '', %(now)s
        FROM generate_series(1, %(count)s) n
        """,
        account=account.pk,
        window=window.pk,
        now=NOW,
        count=LEDGER,
    )
    analyze()

    def by_key() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM quota_quotawindow WHERE id = %s", [window.pk])
            cursor.fetchall()

    with CaptureQueriesContext(connection) as captured:
        quota_header(account, NOW)
    (asked,) = captured.captured_queries

    def header_query() -> None:
        with connection.cursor() as cursor:
            cursor.execute(asked["sql"])
            cursor.fetchall()

    for _ in range(20):
        header_query()
        by_key()
    figures.most(
        f"header query with {LEDGER:,} entries / primary key",
        *side_by_side(header_query, by_key, 500),
        1.5,
    )
    figures.most(
        f"header with {LEDGER:,} entries, as objects / primary key",
        *side_by_side(lambda: quota_header(account, NOW), by_key, 300),
        5,
    )
