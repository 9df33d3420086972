"""*Usage and ledger* over a long ledger of one account, beside a short one."""

import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from quota.models import Image, LedgerBatch, LedgerEntry, QuotaWindow, ScanTask
from quota.pages.ledger_csv import entries_csv
from quota.pages.ledger_filter import Asked
from quota.rules.statement import document
from quota.statements import statement_lines
from tests.benchmarks.conftest import NOW, Figures, run, side_by_side, vacuum
from tests.factories import account_with, creator_of, member_of

pytestmark = pytest.mark.django_db(transaction=True)
LEDGER = int(os.environ.get("BENCH_LEDGER", "10000000"))
STREAMED = int(os.environ.get("BENCH_STREAMED", "1000000"))
MONTHS, PER_TASK, IMAGES = 12, 250, 20_000
SMALL = MONTHS * PER_TASK * 2
MEGABYTE = 1024
# A month has more names and quarters of an hour the longer the ledger is.
TARGETS = {
    "a month by name": 8.0,
    "a month by source": 4.0,
    "a month by start": 4.0,
    "a month by person": 4.0,
    "ledger, a month": 3.0,
    "a statement": 3.0,
}

TASKS = """
    INSERT INTO quota_scantask (account_id, key, kind, asked, title, categories,
        time_limit, images, left_out, cost_tenths, requested_by_id, requested_at,
        begun_at, ended_at, settled, released, failed, first_scans, used_tenths,
        returned_tenths, at_risk, critical, high, trojans, sensitive)
    SELECT %(account)s, gen_random_uuid(),
        CASE WHEN n %% 3 = 0 THEN 'repository' ELSE 'local' END, '{}',
        'All local images', ARRAY['vulnerabilities'], 3600, %(per_task)s, 0,
        %(per_task)s, CASE WHEN n %% 2 = 0 THEN %(person)s::bigint END, at, at, at,
        %(per_task)s, 0, 0, 0, %(per_task)s, 0, 0, 0, 0, 0, 0
    FROM (SELECT n, %(start)s + n * (%(whole)s::interval / %(tasks)s) AS at
          FROM generate_series(0, %(tasks)s - 1) n) t
"""
# A task's holds come at once, its ends some minutes later; one in a hundred returns.
ENTRIES = """
    INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
        free_after_tenths, scan, task, image_digest, reason, outcome, by_id, created_at)
    SELECT %(account)s, %(window)s,
        CASE WHEN part = 0 THEN 'hold' WHEN n %% 100 = 7 THEN 'release'
             ELSE 'settle' END,
        CASE WHEN n %% 50 = 3 THEN 10 ELSE 1 END, 1000,
        t.id * 1000 + n, t.id,
        i.digest, CASE WHEN n %% 50 = 3 THEN 'first' ELSE 'repeat' END,
        CASE WHEN part = 0 THEN '' WHEN n %% 100 = 7 THEN 'failed'
             ELSE 'succeeded' END,
        t.requested_by_id, t.requested_at + part * interval '20 minutes'
    FROM quota_scantask t
    CROSS JOIN generate_series(0, 1) part
    CROSS JOIN generate_series(1, %(per_task)s) n
    JOIN (SELECT digest, row_number() OVER (ORDER BY id) AS place FROM quota_image
          WHERE account_id = %(account)s) i
      ON i.place = 1 + (t.id * 7 + n) %% %(images)s
    WHERE t.account_id = %(account)s
      AND t.requested_at >= %(begin)s AND t.requested_at < %(end)s
    ORDER BY t.requested_at, part, n
"""
IMAGE_ROWS = """
    INSERT INTO quota_image (account_id, digest, os, architecture, variant, size,
        first_seen_at, is_local, name, tag, tags, containers, is_repository,
        repository, repository_tag, repository_tags, repository_search, outcome,
        outcome_reason, active_at, first_scans, repeat_scans, risk)
    SELECT %(account)s,
        'sha256:' || encode(sha256((%(slug)s || n)::bytea), 'hex'), 'linux', 'amd64',
        '', 1000000, %(now)s, true, 'team-' || n %% 37 || '/app-' || n %% 4000, '1', 1,
        1, true, 'far/app-' || n %% 4000, '1', 1, 'far/app', 'not_scanned', '', %(now)s,
        0, 0, 0
    FROM generate_series(1, %(images)s) n
"""


def used_account(slug: str, entries: int) -> Account:
    """An account whose ledger grew evenly over a year of months."""
    start = NOW - timedelta(days=360)
    account = account_with(now=start, months=MONTHS + 1, quantity=300_000, slug=slug)
    person = member_of(account, resource=True)
    images = min(IMAGES, entries)
    run(IMAGE_ROWS, account=account.pk, slug=slug, now=NOW, images=images)
    tasks = entries // (PER_TASK * 2)
    run(
        TASKS, account=account.pk, per_task=PER_TASK, person=person.pk, start=start,
        whole=NOW - start - timedelta(hours=1), tasks=tasks,
    )  # fmt: skip
    for window in QuotaWindow.objects.filter(account=account).order_by("number"):
        run(
            ENTRIES, account=account.pk, window=window.pk, per_task=PER_TASK,
            images=images, begin=window.starts_at, end=window.ends_at,
        )  # fmt: skip
    return account


def pages(account: Account) -> Iterator[tuple[str, str]]:
    """Each page and filter, by name."""
    at = reverse("quota:usage", args=[account.slug])
    month = QuotaWindow.objects.filter(account=account).order_by("number")[6].pk
    task = ScanTask.objects.filter(account=account).order_by("pk")[3].pk
    image = Image.objects.filter(account=account).order_by("pk")[5].digest[7:19]
    yield "overview", reverse("quota:front", args=[account.slug])
    yield "ledger", at
    for name, query in {
        "a month": f"month={month}",
        "repeats": "kind=repeat",
        "returned": "kind=release",
        "returned in a month": f"kind=release&month={month}",
        "grants": "kind=grant",
        "a day": f"day={(NOW - timedelta(days=40)).date()}",
        "a task": f"q={task}",
        "a person": "q=person&month=" + str(month),
        "an image": f"q={image}",
    }.items():
        yield f"ledger, {name}", f"{at}?{query}"
    batch = LedgerBatch.objects.filter(account=account, kind="settle")
    yield "a line opened", f"{at}/batches/{batch.latest('first_entry').pk}"
    entry = LedgerEntry.objects.filter(
        account=account, pk=batch.latest("pk").last_entry
    )
    yield "why this charge", f"{at}/entries/{entry.get().pk}"
    for by in ("source", "name", "start", "person"):
        yield f"a month by {by}", f"{at}/breakdown?by={by}&month={month}"
    yield "statements", f"{at}/statements"
    yield "a statement", f"{at}/statements/{month}"


def test_pages_of_a_long_ledger(figures: Figures) -> None:
    small, large = used_account("small", SMALL), used_account("large", LEDGER)
    vacuum()
    askers = []
    for account in (large, small):
        client = Client()
        client.force_login(creator_of(account))
        askers.append([(name, asking(client, url)) for name, url in pages(account)])

    for (name, of_large), (_, of_small) in zip(*askers, strict=True):
        title = f"{name}: {LEDGER:,} / {SMALL:,} entries"
        figures.most(title, *side_by_side(of_large, of_small, 9), TARGETS.get(name, 2))
    streams(figures, large)


def asking(client: Client, url: str) -> Callable[[], None]:
    """A page, asked for often enough that its statements are prepared."""

    def ask() -> None:
        assert client.get(url).status_code == 200, url

    for _ in range(3):
        ask()
    return ask


def streams(figures: Figures, account: Account) -> None:
    """Downloads of any size keep to a bounded memory."""
    window = QuotaWindow.objects.filter(account=account).select_related("tariff")
    rows: Sequence[tuple[str, Iterator[object]]] = (
        ("CSV", entries_csv(account, Asked(), NOW)),
        ("JSON statement", document(statement_lines(window.order_by("number")[6]))),
    )
    for name, lines in rows:
        first, begun = peak(), time.perf_counter()
        count = sum(1 for _ in islice(lines, STREAMED))
        taken, grown = time.perf_counter() - begun, peak() - first
        rate = int(count / taken)
        figures.lines.append(f"{name}: {count:,} lines, {rate:,}/s, +{grown:,} kB")
        assert grown < 64 * MEGABYTE, f"{name} grew by {grown} kB"


def peak() -> int:
    """The largest memory of this process so far, in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
