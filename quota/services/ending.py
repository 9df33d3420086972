"""How scans end: settled with a result, or released. Once, whoever asks twice."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Account
from quota import ledger
from quota.models import Scan
from quota.models.sql import run_prepared
from quota.scanners.port import Assessment, Category, Finding, Report, Severity
from quota.scanners.reports import one_line
from quota.services import grouping, thresholds
from quota.services.plans import plan_for
from quota.services.tallying import tally

RANKS = {severity: rank for rank, severity in enumerate(Severity)}
# Any of these, and an image is shown under *With risk*.
AT_RISK = ("critical", "high", "trojans", "sensitive")
# What an image or an engine wrote is stored as one printable line of at most this.
LENGTHS = {
    "identifier": 200,
    "title": 500,
    "package": 200,
    "version": 200,
    "fixed_version": 200,
    "path": 1000,
    "layer": 40,
    "evidence": 200,
    "source": 200,
    "advice": 1000,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a worker brings back for one scan: a report, or why there is none."""

    scan_id: int
    claim: UUID
    outcome: Scan.Outcome
    message: str = ""
    report: Report | None = None


@transaction.atomic
def end(*, account_id: int, ended: Sequence[Ended], now: datetime) -> int:
    """Book a batch of ended scans: those with a result settle, the others release.

    Only scans still running under the claim of the caller are touched: a result for a
    scan that was released or claimed anew is discarded (rules 5.10). Returns how many
    were first. The number of statements does not grow with the batch.
    """
    account = Account.objects.lock(account_id)
    plan_for(len(ended))
    ledger.lock_windows_of(account_id, [each.scan_id for each in ended])
    first = _mark_ended(account_id, ended, now)
    settled = [e for e in ended if e.report and e.scan_id in first]
    released = [e for e in ended if not e.report and e.scan_id in first]
    if settled:
        ledger.settle(account_id, [each.scan_id for each in settled], now)
        thresholds.check(account=account, now=now)
        _show_results(account_id, settled, now)
    if released:
        ledger.release(account_id, [each.scan_id for each in released], now)
        _show_failures(account_id, [each.scan_id for each in released], now)
    if first:
        tally(account_id, list(first), now)
    return len(first)


@transaction.atomic
def release_queued(
    account_id: int,
    scans: QuerySet[Scan],
    outcome: Scan.Outcome,
    message: str,
    now: datetime,
) -> int:
    """Release these of the account's queued scans, in one batch. Returns how many.

    What was undone leaves no trace on its image: it is as if it had not been asked.
    """
    return _release(account_id, scans, ["queued"], outcome, message, now)


@transaction.atomic
def release_open(
    account_id: int,
    scans: QuerySet[Scan],
    outcome: Scan.Outcome,
    message: str,
    now: datetime,
) -> int:
    """Release these of the account's scans, claimed ones as well: the result that a
    worker brings is discarded (rules 5.10). Returns how many."""
    return _release(account_id, scans, ["queued", "running"], outcome, message, now)


def _release(
    account_id: int,
    scans: QuerySet[Scan],
    states: Sequence[str],
    outcome: Scan.Outcome,
    message: str,
    now: datetime,
) -> int:
    Account.objects.lock(account_id)
    mine = scans.filter(account=account_id, state__in=states)
    ids = list(mine.values_list("pk", flat=True))
    ledger.lock_windows_of(account_id, ids)
    rows = run_prepared(
        """
        UPDATE quota_scan
        SET state = 'released', ended_at = %(now)s, outcome = %(outcome)s,
            message = %(message)s
        WHERE account_id = %(account)s AND id = ANY(%(scans)s)
          AND state = ANY(%(states)s)
        RETURNING id
        """,
        {
            "account": account_id,
            "scans": ids,
            "states": list(states),
            "outcome": outcome.value,
            "message": message[:300],
            "now": now,
        },
    )
    first = [scan_id for (scan_id,) in rows]
    if first:
        ledger.release(account_id, first, now)
        if outcome is not Scan.Outcome.UNDONE:
            _show_failures(account_id, first, now)
        tally(account_id, first, now)
    return len(first)


def _mark_ended(
    account_id: int, ended: Sequence[Ended], now: datetime
) -> frozenset[int]:
    rows = run_prepared(
        """
        UPDATE quota_scan s
        SET state = CASE WHEN r.outcome = 'succeeded' THEN 'settled'
                         ELSE 'released' END,
            ended_at = %(now)s, outcome = r.outcome, message = r.message,
            found = r.found, assessments = r.assessments, at_risk = r.at_risk
        FROM jsonb_to_recordset(%(ended)s::jsonb)
             AS r(id bigint, claim uuid, outcome text, message text, found jsonb,
                  assessments jsonb, at_risk boolean)
        WHERE s.account_id = %(account)s AND s.id = r.id AND s.claim = r.claim
          AND s.state = 'running'
        RETURNING s.id
        """,
        {
            "account": account_id,
            "ended": json.dumps([_ended_row(each) for each in ended]),
            "now": now,
        },
    )
    return frozenset(scan_id for (scan_id,) in rows)


def _ended_row(each: Ended) -> dict[str, Any]:
    found = counts(each.report) if each.report else None
    plain = [_plain(a) for a in each.report.assessments] if each.report else None
    return {
        "id": each.scan_id,
        "claim": str(each.claim),
        "outcome": each.outcome.value,
        "message": one_line(each.message, 300),
        "found": found,
        "assessments": plain,
        "at_risk": any((found or {}).get(name) for name in AT_RISK),
    }


def counts(report: Report) -> dict[str, int]:
    """Count what was found, by severity and category; what was not assessed is left
    out, so that it is never shown as zero."""
    assessed = {a.category for a in report.assessments if a.assessed}
    found: dict[str, int] = {}
    if Category.VULNERABILITIES in assessed:
        found |= dict.fromkeys((severity.value for severity in Severity), 0)
    if Category.TROJANS in assessed:
        found["trojans"] = 0
    if Category.SENSITIVE_DATA in assessed:
        found["sensitive"] = 0
    for finding in _assessed(report):
        name = {
            Category.VULNERABILITIES: finding.severity.value,
            Category.TROJANS: "trojans",
            Category.SENSITIVE_DATA: "sensitive",
        }[finding.category]
        found[name] += 1
    return found


def _plain(assessment: Assessment) -> dict[str, Any]:
    data_date = assessment.data_date
    return {
        "category": assessment.category.value,
        "engine": one_line(assessment.engine, 200),
        "data_date": data_date.isoformat() if data_date else None,
        "covered": [one_line(each, 300) for each in assessment.covered],
        "not_assessed": [one_line(each, 300) for each in assessment.not_assessed],
        "assessed": assessment.assessed,
        "note": one_line(assessment.note, 300),
    }


def _show_results(account_id: int, settled: Sequence[Ended], now: datetime) -> None:
    """Make the findings of these scans the images' shown results (rules 5.10)."""
    ids = [each.scan_id for each in settled]
    run_prepared(SHOW_COUNTS, {"account": account_id, "scans": ids, "now": now})
    if rows := _finding_rows(settled):
        findings = json.dumps(rows)
        grouping.enter(account_id, findings, now)
        plan_for(len(rows))
        run_prepared(
            SHOW_FINDINGS, {"account": account_id, "findings": findings, "now": now}
        )
    grouping.count(account_id, ids)
    run_prepared(HIDE_OLD_FINDINGS, {"account": account_id, "scans": ids})


def _finding_rows(settled: Sequence[Ended]) -> "list[dict[str, Any]]":
    return [
        {
            "scan": each.scan_id,
            "category": finding.category.value,
            "severity": finding.severity.value,
            "rank": RANKS[finding.severity],
            **{
                name: one_line(getattr(finding, name), most)
                for name, most in LENGTHS.items()
            },
            "group_title": one_line(grouping.title_of(finding), LENGTHS["title"]),
        }
        for each in settled
        if each.report
        for finding in _assessed(each.report)
    ]


def _assessed(report: Report) -> list[Finding]:
    """The findings of categories that were assessed: no others replace old ones."""
    assessed = {each.category for each in report.assessments if each.assessed}
    return [each for each in report.findings if each.category in assessed]


def _show_failures(account_id: int, scan_ids: Sequence[int], now: datetime) -> None:
    run_prepared(
        SHOW_FAILURES, {"account": account_id, "scans": list(scan_ids), "now": now}
    )


COUNTED = (*(severity.value for severity in Severity), "trojans", "sensitive")
# A category that this scan did not assess keeps the counts of an earlier scan.
NEW = {name: f"coalesce((s.found->>'{name}')::int, i.{name})" for name in COUNTED}
# Sorts by trojans, then critical, high, medium; each up to 999.
RISK = " + ".join(
    f"least(coalesce({NEW[name]}, 0), 999) * {weight}::bigint"
    for name, weight in (
        ("trojans", 10**9),
        ("critical", 10**6),
        ("high", 10**3),
        ("medium", 1),
    )
)
SHOW_COUNTS = f"""
    UPDATE quota_image i
    SET outcome = 'scanned', outcome_reason = '', active_at = %(now)s,
        scanned_at = %(now)s, result = s.id,
        first_scans = i.first_scans + (s.reason = 'first')::int,
        repeat_scans = i.repeat_scans + (s.reason = 'repeat')::int,
        {", ".join(f"{name} = {new}" for name, new in NEW.items())},
        risk = {RISK}
    FROM quota_scan s
    WHERE i.account_id = %(account)s AND s.account_id = %(account)s
      AND s.id = ANY(%(scans)s) AND i.id = s.image_id
"""  # noqa: S608 -- our own text

SHOW_FINDINGS = f"""
    INSERT INTO quota_finding (account_id, image_id, group_id, state, scan, category,
        severity, rank, identifier, title, package, version, fixed_version, path, layer,
        evidence, source, advice, first_seen_at)
    SELECT %(account)s, s.image_id, g.id, {grouping.STATE}, f.scan, f.category,
        f.severity, f.rank, f.identifier, f.title, f.package, f.version,
        f.fixed_version, f.path, f.layer, f.evidence, f.source, f.advice,
        coalesce((
            SELECT min(o.first_seen_at) FROM quota_finding o
            WHERE o.account_id = %(account)s AND o.image_id = s.image_id
              AND o.group_id = g.id AND o.path = f.path
        ), %(now)s)
    FROM {grouping.RECORDS}
    JOIN quota_scan s ON s.account_id = %(account)s AND s.id = f.scan
    JOIN quota_findinggroup g ON g.account_id = %(account)s AND g.category = f.category
        AND g.identifier = f.identifier AND g.package = f.package
"""  # noqa: S608 -- our own text

HIDE_OLD_FINDINGS = f"""
    DELETE FROM quota_finding f USING quota_scan s WHERE {grouping.REPLACED}
"""  # noqa: S608 -- our own text

# An image that has a result keeps it, and its word, when a later scan only stopped.
SHOW_FAILURES = """
    UPDATE quota_image i
    SET outcome = CASE
            WHEN s.outcome NOT IN ('stopped', 'expired') THEN 'failed'
            WHEN i.outcome = 'not_scanned' THEN 'stopped'
            ELSE i.outcome END,
        outcome_reason = s.message, active_at = %(now)s
    FROM quota_scan s
    WHERE i.account_id = %(account)s AND s.account_id = %(account)s
      AND s.id = ANY(%(scans)s) AND i.id = s.image_id
"""
