"""One image: findings, what was assessed, and why each scan cost what it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Case, F, QuerySet, When
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Finding, Image, Kind, Scan, TriageState
from quota.pages import cells, cursors
from quota.pages.findings import STATE_TONES, export_url
from quota.pages.header import Standing
from quota.pages.image_history import HistoryRow, history
from quota.pages.images import COUNTED_TO, TONES, Listing
from quota.pages.listed import beside
from quota.pages.words import Clock, plural, size
from quota.rules.units import format_quota

PAGE = 20
TABS = (
    ("vulnerabilities", "Vulnerabilities"),
    ("trojans", "Trojans"),
    ("sensitive_data", "Sensitive data"),
    ("history", "Scan history"),
)
SEVERITIES = ("critical", "high", "medium", "low", "unknown")
TONE = {"critical": "bad", "high": "warn"}


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab with its count."""

    url: str
    label: str
    count: str
    current: bool


@dataclass(frozen=True, slots=True)
class Assessed:
    """What one category's assessment covered, in words."""

    category: str
    engine: str
    data_date: str
    covered: Sequence[str]
    not_assessed: Sequence[str]
    assessed: bool
    note: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding, ready to print."""

    finding: Finding
    tone: str
    severity: str
    first_seen: str
    state: str
    state_tone: str
    url: str


class Neighbours(NamedTuple):
    """The images before and after this one in the list it was opened from."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class ImagePage:
    """One image."""

    id: int
    name: str
    digest: str
    short_id: str
    tag: str
    word: str
    icon: str
    tone: str
    when: str
    reason: str
    severity: SafeString
    platform: str
    size: str
    created: str
    containers: str
    scans: str
    scans_words: str
    sightings: Sequence[str]
    tabs: Sequence[Tab]
    tab: str
    findings: Sequence[FindingRow]
    more_url: str
    more_words: str
    assessed: Sequence[Assessed]
    history: Sequence[HistoryRow]
    empty: str
    next_words: str
    next_cost: str
    can_scan: bool
    export_url: str
    list_url: str
    neighbours: Neighbours


def image_page(
    image: Image,
    *,
    listing: Listing,
    tab: str,
    after: str,
    account: Account,
    standing: Standing,
    now: datetime,
) -> ImagePage:
    """Everything of one image; findings by severity, those with a fix first, twenty at
    a time. Refuses a place that was not given out for them (UnknownCursor)."""
    clock, kind = Clock(account, now), listing.filter.kind
    name, shown_tag = _called(image, kind)
    tab = tab if tab in dict(TABS) else "vulnerabilities"
    query = listing.query()
    url = reverse("quota:image", args=[account.slug, kind, image.digest])
    list_url = reverse("quota:images", args=[account.slug, kind])
    flying = Scan.objects.filter(
        account=account, image=image, state__in=["queued", "running"]
    ).first()
    word, icon, tone = TONES[flying.state if flying else image.outcome]
    findings = _findings(image, tab, after)
    found = list(findings[: PAGE + 1])
    shown = found[:PAGE]
    left = findings[PAGE:COUNTED_TO].count() if len(found) > PAGE else 0
    scans = image.first_scans + image.repeat_scans
    is_first = standing.is_first(image.scanned_at)
    assessed = _assessed(image, clock)
    return ImagePage(
        id=image.pk,
        name=name,
        digest=image.digest,
        short_id=image.digest[:19],
        tag=shown_tag,
        word=word,
        icon=icon,
        tone=tone,
        when=clock.moment(image.active_at),
        reason=image.outcome_reason,
        severity=cells.severity(
            {name: getattr(image, name) for name in SEVERITIES},
            scanned=image.scanned_at is not None,
        ),
        platform="/".join(
            part for part in (image.os, image.architecture, image.variant) if part
        ),
        size=size(image.size),
        created=clock.date(image.created_at) if image.created_at else "",
        containers=plural(image.containers, "container") if image.containers else "",
        scans=f"{scans:,}",
        scans_words=_scans_words(image),
        sightings=_seen_as(image),
        tabs=_tabs(image, tab, url, query),
        tab=tab,
        findings=[_finding(each, account, image, clock) for each in shown],
        more_url=f"{url}?{urlencode({**query, 'tab': tab, 'after': _place(shown[-1])})}"
        if left
        else "",
        more_words=f"Load {min(left, PAGE)} more of {_capped(left)}",
        assessed=[each for each in assessed if each.category == tab],
        history=history(image, account, clock) if tab == "history" else [],
        empty=_empty(image, tab, assessed, clock),
        next_words="The next scan is a first one."
        if is_first
        else "The next scan is a repeat.",
        next_cost=format_quota(
            standing.tariff.first_tenths if is_first else standing.tariff.repeat_tenths
        ),
        can_scan=flying is None,
        export_url=export_url("csv", account, {"image": image.pk})
        if image.scanned_at
        else "",
        list_url=f"{list_url}?{urlencode(query)}" if query else list_url,
        neighbours=_neighbours(image, listing, account),
    )


def _neighbours(image: Image, listing: Listing, account: Account) -> Neighbours:
    if not listing.sort:
        return Neighbours()
    at = reverse("quota:image", args=[account.slug, listing.filter.kind, "sha256:0"])
    query = urlencode(listing.query())
    digests = beside(account, listing.filter, listing.sort, image)
    return Neighbours(*(each and f"{at[:-8]}{each}?{query}" for each in digests))


def _capped(count: int) -> str:
    return f"{COUNTED_TO:,}+" if count >= COUNTED_TO - PAGE else f"{count:,}"


def _seen_as(image: Image) -> Sequence[str]:
    """Its names, each once, wherever it is seen under it."""
    mine = image.sightings.filter(account=image.account_id)
    seen = mine.order_by("name", "tag").values_list("name", "tag")
    return [f"{name}:{tag}" for name, tag in seen.distinct()[:20]]


def _called(image: Image, kind: Kind) -> tuple[str, str]:
    """What the image is called in the list that it was opened from."""
    if kind is Kind.REPOSITORY and image.repository:
        return image.repository, image.repository_tag
    return image.shown_as


def _findings(image: Image, tab: str, after: str) -> QuerySet[Finding]:
    findings = (
        Finding.objects.filter(account=image.account_id, image=image, category=tab)
        .annotate(unfixed=Case(When(fixed_version="", then=1), default=0))
        .order_by("rank", "unfixed", "pk")
    )
    if not after:
        return findings
    place = tuple(cursors.read(after, _salt(image.account_id, image.pk, tab)))
    order = Tuple(F("rank"), F("unfixed"), F("id"))
    return findings.filter(TupleGreaterThan(order, place))


def _salt(account_id: int, image_id: int, tab: str) -> str:
    return f"image.{account_id}.{image_id}.{tab}"


def _place(finding: Finding) -> str:
    place = [finding.rank, int(not finding.fixed_version), finding.pk]
    of = finding.account_id, finding.image_id, finding.category
    return cursors.give(place, _salt(*of))


def _finding(
    finding: Finding, account: Account, image: Image, clock: Clock
) -> FindingRow:
    state = TriageState(finding.state)
    url = reverse("quota:finding", args=[account.slug, finding.group_id])
    return FindingRow(
        finding,
        TONE.get(finding.severity, ""),
        finding.severity.capitalize(),
        clock.moment(finding.first_seen_at),
        "" if state is TriageState.OPEN else state.label,
        STATE_TONES[state],
        f"{url}?image={image.pk}",
    )


def _tabs(image: Image, tab: str, url: str, query: Mapping[str, str]) -> Sequence[Tab]:
    severities = (image.critical, image.high, image.medium, image.low, image.unknown)
    known = [count for count in severities if count is not None]
    counts = {
        "vulnerabilities": str(sum(known)) if known else "–",
        "trojans": "–" if image.trojans is None else str(image.trojans),
        "sensitive_data": "–" if image.sensitive is None else str(image.sensitive),
        "history": "",
    }
    return [
        Tab(
            f"{url}?{urlencode({**query, 'tab': name})}",
            label,
            counts[name],
            name == tab,
        )
        for name, label in TABS
    ]


def _scans_words(image: Image) -> str:
    if not image.first_scans:
        return "None yet"
    return f"{image.first_scans} first, {image.repeat_scans:,} repeat"


def _assessed(image: Image, clock: Clock) -> Sequence[Assessed]:
    if image.result is None:
        return []
    scan = Scan.objects.filter(account=image.account_id, pk=image.result).first()
    return [
        Assessed(
            category=row["category"],
            engine=row["engine"],
            data_date=_date(row["data_date"]),
            covered=row["covered"],
            not_assessed=row["not_assessed"],
            assessed=row["assessed"],
            note=row.get("note", ""),
        )
        for row in (scan.assessments if scan else None) or []
    ]


def _date(text: str | None) -> str:
    if not text:
        return ""
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b %Y}"


def _empty(image: Image, tab: str, assessed: Sequence[Assessed], clock: Clock) -> str:
    """What to say where nothing is listed; nothing uncovered is ever called clean."""
    if image.scanned_at is None:
        return "Not scanned yet. The first scan costs 1."
    mine = [each for each in assessed if each.category == tab]
    if not mine:
        return "Not looked for in the last scan."
    if not any(each.assessed for each in mine):
        return "Not assessed."
    if any(each.not_assessed for each in mine):
        return f"Nothing found in what was assessed, {clock.moment(image.scanned_at)}."
    return f"No known risk as of {clock.moment(image.scanned_at)}."
