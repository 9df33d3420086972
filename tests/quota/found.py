"""Scans with findings of a test's own making, and decisions about them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from accounts.models import Account
from quota.models import FindingGroup, Image, Scan, Triage, TriageState
from quota.scanners.port import Assessment, Category, Report, Severity
from quota.scanners.port import Finding as Found
from quota.services import ending, triaging, working
from tests.factories import ImageFactory, creator_of, press


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


def everything(now: datetime, account: Account) -> None:
    image = ImageFactory.create(account=account)
    trojan = Found(Category.TROJANS, Severity.CRITICAL, "EICAR", "EICAR in bin/x",
                   path="bin/x", layer="1 of 2", advice="Do not run it.")  # fmt: skip
    secret = Found(Category.SENSITIVE_DATA, Severity.HIGH, "aws-access-key",
                   "AWS access key in line 3", path=".env",
                   evidence="AKIA••••••••")  # fmt: skip
    fixed, unfixed = weak(), weak("CVE-2", "zlib", fixed_version="")
    low = weak("CVE-3", "curl", severity=Severity.LOW)
    scanned(account, [image], [trojan, secret, fixed, unfixed, low], now)
    decide(account, FindingGroup.objects.get(identifier="CVE-3"),
           TriageState.FIXED_ELSEWHERE, now)  # fmt: skip
