"""Findings across images: a small and a large account, and the memory of an export."""

import os
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account
from quota.models import FindingGroup
from quota.services import grouping
from tests.benchmarks.conftest import (
    NOW,
    Figures,
    analyze,
    large_account,
    run,
    side_by_side,
)
from tests.factories import creator_of

pytestmark = pytest.mark.django_db(transaction=True)
LARGE = int(os.environ.get("BENCH_FINDINGS", "1000000"))
TRACED = 100
QUERIES = (
    "", "severity=low", "fixable=no", "state=accepted", "state=open&severity=high",
    "sort=images", "sort=seen", "q=openssl-77", "q=cve-2026-00012", "q=nowhere",
    "q=nowhere&severity=low&fixable=no",
)  # fmt: skip


def account_with_findings(slug: str, findings: int) -> Account:
    """Twenty findings a group, each of them in an image of its own."""
    groups = max(1, findings // 20)
    images = max(20, findings // 100)
    account = large_account(slug, images=images, scanned=images)
    given = {
        "account": account.pk,
        "now": NOW,
        "groups": groups,
        "images": images,
        "count": findings,
    }
    run(
        """
        INSERT INTO quota_findinggroup (account_id, category, identifier, package,
            severity, rank, title, fixed_version, source, images, open_images, decided,
            first_seen_at)
        SELECT %(account)s, 'vulnerabilities', 'CVE-2026-' || lpad(n::text, 7, '0'),
            'openssl-' || n %% 997, (ARRAY['critical', 'high', 'medium', 'low'])
            [1 + n %% 4], n %% 4, 'A title of some length, as they are', CASE WHEN
            n %% 3 = 0 THEN '' ELSE '3.0.' || n %% 9 END, 'test', 0, 0,
            CASE WHEN n %% 50 = 0 THEN 'accepted' ELSE '' END,
            %(now)s - n * interval '1 minute'
        FROM generate_series(1, %(groups)s) n
        """,
        **given,
    )
    # The checks of foreign keys keep their plans, and were planned for empty tables.
    analyze()
    run("DISCARD PLANS")
    run(
        """
        INSERT INTO quota_finding (account_id, image_id, group_id, scan, category,
            severity, rank, identifier, title, package, version, fixed_version, path,
            layer, evidence, source, advice, first_seen_at, state)
        SELECT %(account)s, i.id, g.id, i.result, g.category, g.severity, g.rank,
            g.identifier, g.title, g.package, '3.0.1', g.fixed_version,
            'usr/lib/x', '2 of 7', '', 'test', 'Upgrade it, then rebuild the image.',
            g.first_seen_at, CASE g.decided WHEN '' THEN 'open' ELSE g.decided END
        FROM generate_series(0, %(count)s - 1) n
        JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place
              FROM quota_findinggroup WHERE account_id = %(account)s) g
            ON g.place = n %% %(groups)s
        JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place
              FROM quota_image WHERE account_id = %(account)s) i
            ON i.place = (n / %(groups)s + n %% %(groups)s) %% %(images)s
        """,
        **given,
    )
    grouping.recount(account.pk)
    return account


def test_the_list_the_page_and_the_export_small_and_large(figures: Figures) -> None:
    accounts = [
        account_with_findings("large", LARGE),
        account_with_findings("small", 2_000),
    ]
    analyze()
    clients = [Client(), Client()]
    for client, account in zip(clients, accounts, strict=True):
        client.force_login(creator_of(account))

    def compared(name: str, urls: Sequence[str]) -> None:
        large, small = (
            _asking(client, url) for client, url in zip(clients, urls, strict=True)
        )
        # A list that fits on one page needs no count of its own.
        assert _asked(small) <= _asked(large) <= _asked(small) + 1
        title = f"{name}: {LARGE:,} / 2,000 findings"
        figures.most(title, *side_by_side(large, small, 11), 2.0)

    for query in QUERIES:
        places = [reverse("quota:findings", args=[each.slug]) for each in accounts]
        compared(f"findings {query}", [f"{place}?{query}" for place in places])
    groups = [FindingGroup.objects.filter(account=each)[0] for each in accounts]
    compared("one finding", [_finding(group) for group in groups])
    for form in ("csv", "json"):
        figures.lines.append(_exported(clients[0], form))


def _asking(client: Client, url: str) -> Callable[[], None]:
    def ask() -> None:
        assert client.get(url).status_code == 200

    for _ in range(8):
        ask()
    return ask


def _asked(ask: Callable[[], None]) -> int:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


def _finding(group: FindingGroup) -> str:
    return reverse("quota:finding", args=[group.account.slug, group.pk])


def _exported(client: Client, form: str) -> str:
    """Read an export to its end; its memory is traced for the first rows, which are as
    many as it ever holds. Refuses one that holds much."""
    begun = time.perf_counter()
    response: Any = client.get(reverse(f"quota:findings-{form}", args=["large"]))
    chunks = iter(response.streaming_content)
    tracemalloc.start()
    octets = sum(map(len, islice(chunks, TRACED)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    octets += sum(map(len, chunks))
    assert most < 50e6
    return (
        f"export as {form}: {octets / 1e6:.0f} MB in"
        f" {time.perf_counter() - begun:.0f} s, {most / 1e6:.1f} MB held at most"
    )
