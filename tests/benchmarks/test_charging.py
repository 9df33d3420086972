"""Reserving and settling beside the plain INSERT of the same rows."""

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.models import Account
from quota.models import Image, QuotaWindow, Scan, Scope, Selection
from quota.services import ending, scanning, working
from quota.services.scanning import ScanRequest
from tests.benchmarks.conftest import (
    NOW,
    Figures,
    analyze,
    large_account,
    run,
    seconds,
)
from tests.factories import ALL, press
from tests.factories import report as report_of

pytestmark = pytest.mark.django_db(transaction=True)
# What a few rows take is all round trips; the targets are for many.
TARGETS = {1: 25, 100: 10, 10_000: 2.5, 100_000: 2.5}


def floor(account: Account, count: int) -> None:
    """Write as many rows, as wide, into the same tables with the same indexes."""
    window = QuotaWindow.objects.filter(account=account).order_by("number")[0].pk
    task = press(
        account, list(Image.objects.filter(account=account).order_by("pk")[:1]), NOW
    ).pk
    run(
        """
        INSERT INTO quota_scan (account_id, task_id, image_id, image_digest, reason,
            cost_tenths, state, held_at, attempts, outcome, message)
        SELECT account_id, %(task)s, id, digest, 'first', 10, 'queued', %(now)s, 0, '',
            '' FROM quota_image WHERE account_id = %(account)s ORDER BY id DESC
        LIMIT %(count)s
        """,
        account=account.pk,
        task=task,
        now=NOW,
        count=count,
    )
    run(
        """
        INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
            free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
        SELECT %(account)s, %(window)s, 'hold', 10, n * 10, -n, %(task)s,
            'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'first', '', %(now)s
        FROM generate_series(1, %(count)s) n
        """,
        account=account.pk,
        window=window,
        task=task,
        now=NOW,
        count=count,
    )


@pytest.mark.parametrize("count", [1, 100, 10_000, 100_000])
def test_reserving(count: int, figures: Figures) -> None:
    below = large_account("floor", count + 1)
    account = large_account("reserved", count, scanned=count // 2)

    analyze()
    of_floor = seconds(lambda: floor(below, count))
    of_reserve = seconds(lambda: _reserve_all(account))

    figures.most(f"reserve {count:,}", of_reserve, of_floor, TARGETS[count])


@pytest.mark.parametrize("count", [20_000])
def test_reserving_after_an_import_that_was_never_analysed(
    count: int, figures: Figures
) -> None:
    below = large_account("floor", count + 1)
    for number in range(7):
        press(large_account(f"small-{number}", 3), _images(f"small-{number}"), NOW)
    account = large_account("fresh", count)

    of_floor = seconds(lambda: floor(below, count))
    of_reserve = seconds(lambda: _reserve_all(account))

    figures.most(f"reserve {count:,}, never analysed", of_reserve, of_floor, 5)


def _images(slug: str) -> list[Image]:
    return list(Image.objects.filter(account__slug=slug))


def _reserve_all(account: Account) -> None:
    scanning.reserve(
        account=account,
        request=ScanRequest(Selection(Scope.ALL), ALL, "All local images"),
        agreed=None,
        key=uuid4(),
        by=None,
        now=NOW,
    )


def floor_of_settling(account: Account, count: int) -> None:
    """Write as many rows into every table that a settlement writes. The figures of the
    task come with its row, and the ledger rolls itself up into bins and batches."""
    floor(account, count)
    large_account("floor-images", count)
    run(
        """
        WITH risk AS (
            INSERT INTO quota_findinggroup (account_id, category, identifier, package,
                severity, rank, title, fixed_version, source, images, open_images,
                decided, first_seen_at)
            VALUES (%(account)s, 'vulnerabilities', 'CVE-2026-0000', 'openssl', 'high',
                1, 'A test finding', '', '', %(count)s, %(count)s, '', %(now)s)
            RETURNING id
        )
        INSERT INTO quota_finding (account_id, image_id, scan, category, severity, rank,
            identifier, title, package, version, fixed_version, path, layer, evidence,
            source, advice, first_seen_at, group_id)
        SELECT i.account_id, i.id, i.id, 'vulnerabilities', 'high', 1, 'CVE-2026-0000',
            'A test finding', 'openssl', '3.0.9-1', '', '', '', '', '', '', %(now)s,
            risk.id
        FROM quota_image i, risk WHERE i.account_id = %(account)s LIMIT %(count)s
        """,
        account=account.pk,
        now=NOW,
        count=count,
    )
    run(
        """
        INSERT INTO quota_nameusage (account_id, window_id, source, name, reason,
            tenths, scans)
        SELECT i.account_id, w.id, 'local', i.name, 'first', 10, 1
        FROM quota_image i
        JOIN (SELECT account_id, min(id) AS id FROM quota_quotawindow GROUP BY 1) w
          ON w.account_id = i.account_id
        WHERE i.account_id = %(account)s LIMIT %(count)s
        """,
        account=account.pk,
        count=count,
    )


def test_settling_in_batches_of_1000_on_one_hot_account(figures: Figures) -> None:
    batches, size = 10, 1_000
    account = large_account("hot", (batches + 1) * size)
    below = large_account("floor", batches * size + 1)
    _reserve_all(account)
    of_floor = seconds(lambda: floor_of_settling(below, batches * size))

    def settle_one() -> None:
        claim = working.claim(account_id=account.pk, limit=size, now=NOW)
        assert claim
        ended = [
            ending.Ended(
                scan.pk, claim.token, Scan.Outcome.SUCCEEDED, report=report_of()
            )
            for scan in claim.scans
        ]
        ending.end(account_id=account.pk, ended=ended, now=NOW + timedelta(seconds=5))

    settle_one()
    analyze()
    of_settle = seconds(settle_one, batches) * batches

    figures.most(
        f"claim and settle {batches * size:,} with results, {size:,} a batch",
        of_settle,
        of_floor,
        5,
    )
