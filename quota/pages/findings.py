"""*Findings* across images: one page of groups by keyset, and what its rows say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.urls import reverse

from accounts.models import Account
from quota.models import FindingFilter, FindingGroup, TriageState
from quota.pages import cursors
from quota.pages.cursors import UnknownCursor
from quota.pages.images import COUNTED_TO
from quota.pages.words import Clock, plural
from quota.scanners.port import Category

PAGE = 50
KINDS = {
    Category.VULNERABILITIES.value: "Vulnerabilities",
    Category.TROJANS.value: "Trojans",
    Category.SENSITIVE_DATA.value: "Sensitive data",
}
TONES = {"critical": "bad", "high": "warn"}
STATE_TONES = {
    TriageState.OPEN: "",
    TriageState.ACCEPTED: "warn",
    TriageState.FALSE_POSITIVE: "info",
    TriageState.FIXED_ELSEWHERE: "ok",
}


class FindingSort(StrEnum):
    """The sortable columns; each begins at the worst, the most or the newest."""

    SEVERITY = "severity"
    IMAGES = "images"
    SEEN = "seen"

    @property
    def column(self) -> str:
        """The column of the index that serves this sort."""
        return {"severity": "weight", "images": "images", "seen": "first_seen_at"}[self]


@dataclass(frozen=True, slots=True)
class Tab:
    """One kind with its count."""

    url: str
    label: str
    count: str
    current: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group as the table prints it."""

    id: int
    url: str
    tone: str
    severity: str
    name: str
    identifier: str
    package: str
    title: str
    fixed: str
    images: str
    first_seen: str
    state: str
    state_tone: str
    state_note: str


@dataclass(frozen=True, slots=True)
class FindingsPage:
    """One page of the list, with the ways on, back to the start, and out."""

    rows: Sequence[GroupRow]
    count: str
    tabs: Sequence[Tab]
    kind: str
    filter: FindingFilter
    sort: FindingSort
    sorts: Mapping[str, str]
    next_query: str
    first_query: str
    csv_url: str
    json_url: str
    is_filtered: bool
    has_packages: bool
    problem: str


def findings_page(
    *,
    account: Account,
    chosen: FindingFilter,
    sort: FindingSort,
    cursor: str,
    now: datetime,
) -> FindingsPage:
    """One page of the account's groups in one query, and capped counts. A cursor that
    was not given out for this account and sort is a problem, and shows the start."""
    problem, place = "", tuple[object, ...]()
    try:
        place = _place(account, sort, cursor)
    except UnknownCursor as unknown:
        problem, cursor = f"{unknown} Here is the list from its beginning.", ""
    groups = chosen.groups(account.pk).order_by(f"-{sort.column}", "-id")
    if place:
        groups = groups.filter(TupleLessThan(Tuple(F(sort.column), F("id")), place))
    found = list(groups[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    query = filter_query(chosen)
    by = {**query, "sort": sort.value}
    clock = Clock(account, now)
    url = reverse("quota:findings", args=[account.slug])
    return FindingsPage(
        rows=[_row(group, url, clock) for group in found],
        count=_count(account, chosen, found, more, cursor),
        tabs=_tabs(account, chosen.kind, url),
        kind=chosen.kind,
        filter=chosen,
        sort=sort,
        sorts={each.value: urlencode({**query, "sort": each}) for each in FindingSort},
        next_query=(
            urlencode({**by, "after": _cursor(account, sort, found[-1])})
            if more
            else ""
        ),
        first_query=urlencode(by) if cursor else "",
        csv_url=export_url("csv", account, query),
        json_url=export_url("json", account, query),
        is_filtered=len(query) > 1,
        has_packages=chosen.kind == Category.VULNERABILITIES,
        problem=problem,
    )


def export_url(form: str, account: Account, query: Mapping[str, object]) -> str:
    """Where the findings that pass are exported as ``csv`` or ``json``."""
    url = reverse(f"quota:findings-{form}", args=[account.slug])
    return f"{url}?{urlencode(query)}"


def filter_query(chosen: FindingFilter) -> dict[str, str]:
    """The filter as query parameters, without what is "any"."""
    named = {
        "kind": chosen.kind,
        "q": chosen.text,
        "severity": chosen.severity,
        "fixable": chosen.fixable,
        "state": chosen.state,
    }
    return {name: value for name, value in named.items() if value}


def _salt(account: Account, sort: FindingSort) -> str:
    return f"findings.{account.pk}.{sort}"


def _cursor(account: Account, sort: FindingSort, last: FindingGroup) -> str:
    value = getattr(last, sort.column)
    if isinstance(value, datetime):
        value = value.isoformat()
    return cursors.give([value, last.pk], _salt(account, sort))


def _place(account: Account, sort: FindingSort, cursor: str) -> tuple[object, ...]:
    if not cursor:
        return ()
    value, last_id = cursors.read(cursor, _salt(account, sort))
    if sort is FindingSort.SEEN:
        value = datetime.fromisoformat(str(value))
    return value, last_id


def _count(
    account: Account,
    chosen: FindingFilter,
    found: Sequence[FindingGroup],
    more: bool,
    cursor: str,
) -> str:
    """Exact up to a thousand. A text search that goes on is not counted: that could
    read the whole list."""
    if not more and not cursor:
        return plural(len(found), "finding")
    if chosen.text:
        return f"More than {PAGE} findings"
    groups = chosen.groups(account.pk).order_by().values("id")
    count = groups[: COUNTED_TO + 1].count()
    return f"{_capped(count)} {'finding' if count == 1 else 'findings'}"


def _tabs(account: Account, kind: str, url: str) -> Sequence[Tab]:
    """Each kind with its count, all in one query that reads a thousand of each."""
    some = [
        FindingFilter(kind=name)
        .groups(account.pk)
        .order_by()
        .values_list("category")[: COUNTED_TO + 1]
        for name in KINDS
    ]
    counts = Counter(name for (name,) in some[0].union(*some[1:], all=True))
    return [
        Tab(f"{url}?kind={name}", label, _capped(counts[name]), name == kind)
        for name, label in KINDS.items()
    ]


def _capped(count: int) -> str:
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"


def _row(group: FindingGroup, url: str, clock: Clock) -> GroupRow:
    is_package = group.category == Category.VULNERABILITIES
    fixed = f"Fixed in {group.fixed_version}" if group.fixed_version else "No fix known"
    return GroupRow(
        id=group.pk,
        url=f"{url}/{group.pk}",
        tone=TONES.get(group.severity, ""),
        severity=group.severity.capitalize(),
        name=group.identifier if is_package else group.title or group.identifier,
        identifier=group.identifier,
        package=group.package,
        title=group.title if is_package else "",
        fixed=fixed if is_package else "",
        images=f"{group.images:,}",
        first_seen=clock.date(group.first_seen_at),
        state=TriageState(group.state).label,
        state_tone=STATE_TONES[TriageState(group.state)],
        state_note=part_note(group),
    )


def part_note(group: FindingGroup) -> str:
    """``in 2 of 5``, where it is open in some images and decided in others."""
    if 0 < group.open_images < group.images:
        return f"in {group.open_images:,} of {group.images:,}"
    return ""
