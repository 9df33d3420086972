"""What a charge of ours leaves behind, in one statement: the least that its rows cost.

Nothing is checked and nothing decided: no lock before a look, no key, no first or
repeat, no other worker's claim. The tables, their indexes, constraints and triggers are
ours, and so are the accounts, whose books are proved afterwards like all others.
"""

import json
import os
from collections.abc import Callable
from itertools import cycle

import psycopg

from quota.models import Image, QuotaWindow
from tests.benchmarks.charging.ours import accounts_of
from tests.benchmarks.charging.plan import Plan
from tests.benchmarks.conftest import NOW
from tests.factories import ALL

CHARGE = """
    WITH paid AS (
        UPDATE quota_quotawindow SET used_tenths = used_tenths + %(count)s
        WHERE account_id = %(account)s AND id = %(window)s
        RETURNING account_id, id, free_tenths
    ), task AS (
        INSERT INTO quota_scantask (account_id, key, kind, asked, title, categories,
            time_limit, images, left_out, cost_tenths, requested_at, begun_at, ended_at,
            settled, released, failed, first_scans, used_tenths, returned_tenths,
            at_risk, critical, high, trojans, sensitive)
        SELECT account_id, gen_random_uuid(), 'local', '{}', 'Selected local images',
            %(categories)s, 3600, %(count)s, 0, %(count)s, %(now)s, %(now)s, %(now)s,
            %(count)s, 0, 0, 0, %(count)s, 0, 0, 0, 0, 0, 0
        FROM paid RETURNING account_id, id
    ), scan AS (
        INSERT INTO quota_scan (account_id, task_id, image_id, image_digest, reason,
            cost_tenths, state, held_at, attempts, claimed_at, ended_at, outcome,
            message, found, assessments, at_risk)
        SELECT task.account_id, task.id, i.id, i.digest, 'repeat', 1, 'settled',
            %(now)s, 1, %(now)s, %(now)s, 'succeeded', '', %(found)s, %(assessments)s,
            false
        FROM task JOIN quota_image i ON i.account_id = task.account_id
        WHERE i.account_id = %(account)s AND i.id = ANY(%(images)s)
        RETURNING account_id, task_id, id, image_id, image_digest
    ), shown AS (
        UPDATE quota_image i SET result = scan.id, repeat_scans = i.repeat_scans + 1,
            scanned_at = %(now)s, active_at = %(now)s
        FROM scan WHERE i.account_id = %(account)s AND i.id = scan.image_id
    )
    INSERT INTO quota_ledgerentry (account_id, window_id, kind, tenths,
        free_after_tenths, scan, task, image_digest, reason, outcome, created_at)
    SELECT scan.account_id, paid.id, k.kind, 1,
        paid.free_tenths + %(count)s
            - CASE WHEN k.kind = 'hold' THEN row_number() OVER (
                  PARTITION BY k.kind ORDER BY scan.id) ELSE %(count)s END,
        scan.id, scan.task_id, scan.image_digest, 'repeat', k.outcome, %(now)s
    FROM scan, paid,
        (VALUES (1, 'hold', ''), (2, 'settle', 'succeeded')) k(position, kind, outcome)
    ORDER BY k.position, scan.id
"""
FOUND = dict.fromkeys(
    ("critical", "high", "medium", "low", "unknown", "trojans", "sensitive"), 0
)
ASSESSMENTS = [
    {
        "category": category, "engine": "test 1.0", "data_date": None, "note": "",
        "covered": ["everything"], "not_assessed": [], "assessed": True,
    }
    for category in ALL
]  # fmt: skip


def charges(plan: Plan, worker: int) -> Callable[[], int]:
    """Write at each of the worker's accounts in turn."""
    accounts = accounts_of(plan)
    mine = [accounts[number].pk for number in plan.accounts_of(worker)]
    turns = cycle([_values(plan, worker, account) for account in mine])
    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def charge() -> int:
        return connection.execute(CHARGE, next(turns), prepare=True).rowcount // 2

    return charge


def _values(plan: Plan, worker: int, account: int) -> dict[str, object]:
    images = Image.objects.filter(account=account, scanned_at__isnull=False)
    first = worker // plan.accounts * plan.batch
    ids = images.order_by("pk").values_list("pk", flat=True)
    window = QuotaWindow.objects.open_at(account, NOW).get()
    return {
        "account": account,
        "window": window.pk,
        "images": list(ids[first : first + plan.batch]),
        "count": plan.batch,
        "categories": list(ALL),
        "found": json.dumps(FOUND),
        "assessments": json.dumps(ASSESSMENTS),
        "now": NOW,
    }
