"""The header and the list, small and large, beside a look-up and an empty view."""

import os
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account
from quota.models import QuotaWindow
from quota.pages.header import quota_header
from tests.benchmarks.conftest import NOW, analyze, large_account, run, seconds
from tests.benchmarks.served import visiting
from tests.factories import creator_of

pytestmark = pytest.mark.django_db(transaction=True)
Say = Callable[[str], None]
LARGE = int(os.environ.get("BENCH_IMAGES", "1000000"))
LEDGER = int(os.environ.get("BENCH_LEDGER", "10000000"))
SORTS = ("name", "containers", "risk", "active")
FILTERS = {"none": "", "state": "&state=scanned", "search": "&q=pay"}


def signed_in(account: Account) -> Client:
    client = Client()
    client.force_login(creator_of(account))
    return client


def page(client: Client, account: Account, query: str, rounds: int = 15) -> float:
    url = f"{reverse('quota:images', args=[account.slug, 'local'])}?{query}"
    client.get(url)
    return seconds(lambda: client.get(url), rounds)


def test_the_list_small_and_large(report: Say) -> None:
    small = large_account("small", 1_000, scanned=500)
    large = large_account("large", LARGE, scanned=LARGE // 2)
    analyze()
    clients = {account.slug: signed_in(account) for account in (small, large)}

    for sort in SORTS:
        for name, query in FILTERS.items():
            of_small = page(clients["small"], small, f"sort={sort}{query}")
            of_large = page(clients["large"], large, f"sort={sort}{query}")
            report(
                f"list by {sort:<10} filter {name:<6} {LARGE:>9,} images:"
                f" {of_large * 1000:.1f} ms, 1,000 images: {of_small * 1000:.1f} ms,"
                f" ratio {of_large / of_small:.2f} (target 1.5)"
            )
    _served(report, clients["large"], large)
    _deep(report, clients["large"], large)


def _served(report: Say, client: Client, account: Account) -> None:
    url = f"{reverse('quota:images', args=[account.slug, 'local'])}?sort=active"
    with visiting(client) as visitor:
        visitor.get(url)
        of_empty = seconds(lambda: visitor.get("/empty"), 300)
        of_page = seconds(lambda: visitor.get(url), 60)
    report(
        f"list served: {of_page * 1000:.1f} ms, empty view {of_empty * 1000:.2f} ms:"
        f" {of_empty / of_page:.3f} of its rate (target 0.10)"
    )


def _deep(report: Say, client: Client, account: Account) -> None:
    url = reverse("quota:images", args=[account.slug, "local"])
    for sort in SORTS:
        first = page(client, account, f"sort={sort}")
        query = f"sort={sort}"
        for _ in range(40):
            content = client.get(f"{url}?{query}").content.decode()
            found = re.search(r'href="\?([^"]*after=[^"]*)"', content)
            assert found
            query = found[1].replace("&amp;", "&")
        deep = page(client, account, query)
        report(f"list by {sort:<10} page 41 / page 1: {deep / first:.2f} (target 1.5)")


def test_the_header_beside_a_primary_key_select(report: Say) -> None:
    account = large_account("header", 10)
    window = QuotaWindow.objects.open_at(account.pk, NOW).get()
    run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
        SELECT %(account)s, %(window)s, 'hold', 0, 0, n, 1, '', 'first', '', %(now)s
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

    of_key, of_query = seconds(by_key, 500), seconds(header_query, 500)
    of_header = seconds(lambda: quota_header(account, NOW), 200)
    report(
        f"header with {LEDGER:,} ledger entries: query {of_query * 1e6:.0f} µs, primary"
        f" key {of_key * 1e6:.0f} µs, ratio {of_query / of_key:.2f} (target 1.5);"
        f" with Django's objects {of_header * 1e6:.0f} µs"
    )
