"""One image: findings, what was assessed, and why each scan cost what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Finding, Image, Kind, Scan
from quota.pages import cells
from quota.pages.images import TONES
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


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One scan of the image, and why it cost what it did."""

    when: str
    word: str
    why: str
    quota: str
    task_url: str
    message: str


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
    assessed: Sequence[Assessed]
    history: Sequence[HistoryRow]
    empty: str
    next_words: str
    can_scan: bool


def image_page(
    image: Image, *, kind: Kind, tab: str, after: str, account: Account, now: datetime
) -> ImagePage:
    """Everything of one image; findings by severity, twenty at a time."""
    clock = Clock(account, now)
    name, shown_tag = _called(image, kind)
    tab = tab if tab in dict(TABS) else "vulnerabilities"
    url = reverse("quota:image", args=[account.slug, kind, image.digest])
    flying = Scan.objects.filter(
        account=account, image=image, state__in=["queued", "running"]
    ).first()
    word, icon, tone = TONES[flying.state if flying else image.outcome]
    found = _findings(image, tab, after)
    more = found[PAGE:]
    shown = found[:PAGE]
    scans = image.first_scans + image.repeat_scans
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
        sightings=[str(each) for each in image.sightings.order_by("name", "tag")[:20]],
        tabs=_tabs(image, tab, url),
        tab=tab,
        findings=[_finding(each, clock) for each in shown],
        more_url=f"{url}?tab={tab}&after={shown[-1].rank}.{shown[-1].pk}"
        if more
        else "",
        assessed=[each for each in assessed if each.category == tab],
        history=_history(image, account, clock) if tab == "history" else [],
        empty=_empty(image, tab, assessed, clock),
        next_words="Next scan is a repeat." if scans else "The first scan costs 1.",
        can_scan=flying is None,
    )


def _called(image: Image, kind: Kind) -> tuple[str, str]:
    """What the image is called in the list that it was opened from."""
    if kind is Kind.REPOSITORY and image.repository:
        return image.repository, image.repository_tag
    return image.shown_as


def _findings(image: Image, tab: str, after: str) -> list[Finding]:
    findings = Finding.objects.filter(
        account=image.account_id, image=image, category=tab
    ).order_by("rank", "pk")
    rank, _, last = after.partition(".")
    if rank.isdecimal() and last.isdecimal() and len(after) < 30:
        same = findings.filter(rank=int(rank), pk__gt=int(last))
        findings = (same | findings.filter(rank__gt=int(rank))).order_by("rank", "pk")
    return list(findings[: PAGE + 1])


def _finding(finding: Finding, clock: Clock) -> FindingRow:
    return FindingRow(
        finding,
        TONE.get(finding.severity, ""),
        finding.severity.capitalize(),
        clock.moment(finding.first_seen_at),
    )


def _tabs(image: Image, tab: str, url: str) -> Sequence[Tab]:
    severities = (image.critical, image.high, image.medium, image.low, image.unknown)
    known = [count for count in severities if count is not None]
    counts = {
        "vulnerabilities": str(sum(known)) if known else "–",
        "trojans": "–" if image.trojans is None else str(image.trojans),
        "sensitive_data": "–" if image.sensitive is None else str(image.sensitive),
        "history": "",
    }
    return [
        Tab(f"{url}?tab={name}", label, counts[name], name == tab)
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


def _history(image: Image, account: Account, clock: Clock) -> Sequence[HistoryRow]:
    scans = Scan.objects.filter(account=account, image=image).order_by("-pk")[:50]
    rows = list(scans)
    return [_history_row(scan, account, clock) for scan in rows]


def _history_row(scan: Scan, account: Account, clock: Clock) -> HistoryRow:
    cost = format_quota(scan.cost_tenths)
    why = {
        "first": f"First scan: no earlier result for this image, so {cost}.",
        "repeat": f"Repeat scan: an earlier result exists, so {cost}.",
    }[scan.reason]
    quota = {"settled": cost, "released": "0"}.get(scan.state, f"{cost} held")
    if scan.state == "released":
        why = f"Ended without a result, so {cost} was given back."
    return HistoryRow(
        when=clock.moment(scan.ended_at or scan.held_at),
        word=scan.get_outcome_display() or TONES[scan.state][0],
        why=why,
        quota=quota,
        task_url=reverse("quota:task", args=[account.slug, scan.task_id]),
        message=scan.message,
    )
