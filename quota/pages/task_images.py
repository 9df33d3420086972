"""The images of a task: fifty by keyset, what needs a person first."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Account
from quota.models import Scan, ScanTask
from quota.pages import cells, cursors, task_words
from quota.pages.task_asked import Asked
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

PAGE = 50
PLACES = {
    Scan.Place.FAILED: ("Failed", "circle-x", "bad"),
    Scan.Place.RUNNING: ("Scanning", "loader-circle", "run"),
    Scan.Place.SCANNED: ("Scanned", "circle-check", "ok"),
    Scan.Place.WAITING: ("Waiting", "clock", ""),
    Scan.Place.NOT_STARTED: ("Not started", "square", ""),
}


class Choice(NamedTuple):
    """One filter of the images."""

    name: str
    label: str
    icon: str
    query: str
    is_current: bool


Row = Mapping[str, object]


def choices(task: ScanTask, asked: Asked) -> Sequence[Choice]:
    """The filters, each with its count."""
    counted = (
        ("", "All", "", task.images),
        ("failed", "Failed", "circle-x", task.failed),
        ("risk", "With risk", "", task.at_risk),
    )
    return [
        Choice(
            name or "all",
            f"{label} {count:,}",
            icon,
            asked.query(only=name, after=""),
            asked.only == name,
        )
        for name, label, icon, count in counted
    ]


def _salt(task: ScanTask) -> str:
    return f"task.{task.account_id}.{task.pk}"


def cursor(task: ScanTask, last: Scan) -> str:
    """The place after this scan."""
    return cursors.give([last.place, last.pk], _salt(task))


def rows(
    task: ScanTask, account: Account, asked: Asked, clock: Clock
) -> tuple[Sequence[Scan], bool]:
    """Fifty scans, and whether there are more: failed first, then running ones."""
    scans: QuerySet[Scan] = Scan.objects.filter(account=account, task=task)
    if asked.only == "failed":
        scans = scans.filter(place=Scan.Place.FAILED)
    if asked.only == "risk":
        scans = scans.filter(at_risk=True)
    if asked.after:
        place = tuple(cursors.read(asked.after, _salt(task)))
        scans = scans.filter(TupleGreaterThan(Tuple(F("place"), F("id")), place))
    found = list(scans.select_related("image").order_by("place", "pk")[: PAGE + 1])
    return found[:PAGE], len(found) > PAGE


def shown(task: ScanTask, asked: Asked, rows: Sequence[Scan], more: bool) -> str:
    """How many of them are on the page, and in which order."""
    if not more and not asked.after:
        return plural(len(rows), "image")
    order = "" if asked.only else ", failed first"
    return f"{plural(len(rows), 'image')} of {task.images:,}{order}"


def row(scan: Scan, task: ScanTask, account: Account, clock: Clock) -> Row:
    """One scan as the table prints it."""
    name, tag = scan.image.shown_as
    word, icon, tone = PLACES[scan.place]
    detail, found = scan.message, scan.found or {}
    missing = _not_assessed(scan, task)
    if missing:
        word, tone = "Scanned in part", "warn"
        detail = f"{missing[0].upper()}{missing[1:]} not assessed"
    url = reverse("quota:image", args=[account.slug, task.kind, scan.image_digest])
    return {
        "id": scan.pk,
        "url": url,
        "name": name,
        "tag": tag,
        "state": cells.state(word, icon, tone),
        "detail": detail,
        "severity": _severity(scan, url),
        "trojans": _linked(
            cells.figure(found.get("trojans"), bad=True),
            f"{url}?tab=trojans",
            plural(found.get("trojans") or 0, "trojan"),
        ),
        "sensitive": _linked(
            cells.figure(found.get("sensitive")),
            f"{url}?tab=sensitive_data",
            f"{found.get('sensitive') or 0:,} sensitive data",
        ),
        "has_result": scan.found is not None,
        "finished": clock.time(scan.ended_at) if scan.ended_at else "–",
        "quota": _quota(scan),
    }


def _severity(scan: Scan, url: str) -> SafeString:
    if scan.found is None:
        return cells.NONE
    boxes = cells.severity(scan.found, scanned=True)
    if boxes is cells.NOT_ASSESSED:
        return boxes
    return format_html('<a class="plain" href="{}">{}</a>', url, boxes)


def _linked(figure: SafeString, url: str, words: str) -> SafeString:
    """A figure that leads to its findings, if there are any."""
    if words.startswith("0 "):
        return figure
    link = '<a class="plain" href="{}" aria-label="{}">{}</a>'
    return format_html(link, url, words, figure)


def _not_assessed(scan: Scan, task: ScanTask) -> str:
    """The categories asked for of which a result says nothing."""
    if scan.state != "settled":
        return ""
    assessed = {each["category"] for each in scan.assessments or () if each["assessed"]}
    missing = [
        task_words.CATEGORY_WORDS[name]
        for name in task.categories
        if name not in assessed
    ]
    return task_words.listed(missing) if missing else ""


def _quota(scan: Scan) -> str:
    cost = format_quota(scan.cost_tenths)
    if scan.state == "settled":
        return cost
    return f"Returned {cost}" if scan.state == "released" else f"{cost} held"
