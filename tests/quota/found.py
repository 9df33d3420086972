"""Scans with findings of a test's own making, and decisions about them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.urls import reverse

from accounts.models import Account
from quota.models import FindingGroup, Image, Scan, Triage, TriageState
from quota.scanners.port import Assessment, Category, Report, Severity
from quota.scanners.port import Finding as Found
from quota.services import ending, triaging, working
from tests.factories import creator_of, press


def weak(identifier: str = "CVE-1", package: str = "openssl", **more: Any) -> Found:
    given = {
        "severity": Severity.HIGH,
        "title": f"Title of {identifier}",
        "version": "3.0.15",
        "fixed_version": "3.0.17",
        "layer": "2 of 7",
        "source": "test",
        "advice": "Upgrade it.",
        **more,
    }
    return Found(
        Category.VULNERABILITIES, identifier=identifier, package=package, **given
    )


def scanned(
    account: Account,
    images: Sequence[Image],
    findings: Sequence[Found],
    now: datetime,
    assessed: Sequence[Category] = tuple(Category),
) -> None:
    """Scan these images, each with these findings."""
    press(account, list(images), now)
    report = Report(
        tuple(findings),
        tuple(
            Assessment(each, "test 1.0", date(2026, 11, 1), ("all",), (), True)
            for each in assessed
        ),
    )
    while claimed := working.claim(account_id=account.pk, limit=1000, now=now):
        ended = [
            ending.Ended(scan.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report)
            for scan in claimed.scans
        ]
        ending.end(account_id=account.pk, ended=ended, now=now)


def decide(
    account: Account,
    group: FindingGroup,
    state: TriageState,
    now: datetime,
    image: Image | None = None,
    note: str = "Because.",
) -> Triage:
    return triaging.decide(
        account=account, group=group, image=image, state=state, note=note,
        by=creator_of(account), now=now,
    )  # fmt: skip


def counts(identifier: str = "CVE-1") -> tuple[int, int, str]:
    group = FindingGroup.objects.get(identifier=identifier)
    return group.images, group.open_images, group.state


def url(name: str, account: Account, *more: object) -> str:
    return reverse(f"quota:{name}", args=[account.slug, *more])
