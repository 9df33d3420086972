"""Decisions about findings in the demo, made as a member makes them."""

from datetime import datetime, timedelta

from accounts.models import Account
from quota.models import Finding, FindingGroup, TriageState
from quota.services import triaging

DECISIONS = (
    (TriageState.ACCEPTED, "Not reachable: the service listens inside the cluster."),
    (TriageState.FALSE_POSITIVE, "The package is patched by the distribution."),
    (TriageState.FIXED_ELSEWHERE, "The gateway in front strips the header."),
)


def decide_some(account: Account, now: datetime) -> None:
    """Set aside a few vulnerabilities, and one for one image only."""
    groups = FindingGroup.objects.filter(
        account=account, category="vulnerabilities", images__gt=1
    ).order_by("-weight", "pk")[1:8:2]
    by = account.members.get(is_creator=True).user
    for (state, note), group in zip(DECISIONS, groups, strict=False):
        triaging.decide(
            account=account,
            group=group,
            image=None,
            state=state,
            note=note,
            by=by,
            now=now - timedelta(hours=2),
        )
    if len(groups) > len(DECISIONS):
        group = groups[len(DECISIONS)]
        finding = Finding.objects.filter(account=account, group=group)[0]
        triaging.decide(
            account=account,
            group=group,
            image=finding.image,
            state=TriageState.ACCEPTED,
            note="This image is switched off next week.",
            by=by,
            now=now - timedelta(hours=1),
        )
