"""Which findings are meant: the filter of *Findings* and of its exports."""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q, QuerySet

from quota.models.findings import AFFECTING, PRESENT, FindingGroup
from quota.models.images import Finding
from quota.scanners.port import Category, Severity

STEP = 10**9
RANKS = {severity.value: rank for rank, severity in enumerate(Severity)}


class Fixable(StrEnum):
    """Whether a version is known in which it is fixed."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """The filters of *Findings*; an empty string means "any". ``image`` narrows an
    export down to one image."""

    kind: str = Category.VULNERABILITIES.value
    text: str = ""
    severity: str = ""
    fixable: str = ""
    state: str = ""
    image: int | None = None

    def groups(self, account_id: int) -> QuerySet[FindingGroup]:
        """The account's groups that pass and are found in some image seen now."""
        groups = FindingGroup.objects.filter(AFFECTING, account=account_id)
        return groups.filter(self._passes())

    def findings(self, account_id: int) -> QuerySet[Finding]:
        """The findings of those groups in images seen now, or in the one image."""
        findings = Finding.objects.filter(
            self._passes("group__"), account=account_id, group__account=account_id
        ).filter(image__account=account_id)
        if self.image is not None:
            return findings.filter(image=self.image)
        return findings.filter(PRESENT)

    def _passes(self, at: str = "") -> Q:
        passes = Q(**{f"{at}category": self.kind}) if self.kind else Q()
        if self.severity:
            # By weight, which the list is ordered by, and not by the word.
            low = (9 - RANKS[self.severity]) * STEP
            passes &= Q(**{f"{at}weight__gte": low, f"{at}weight__lt": low + STEP})
        if self.fixable:
            unfixed = Q(**{f"{at}fixed_version": ""})
            passes &= ~unfixed if self.fixable == Fixable.YES else unfixed
        if self.state:
            passes &= Q(**{f"{at}state": self.state})
        if text := self.text.strip().lower():
            passes &= Q(**{f"{at}search__contains": text})
        return passes
