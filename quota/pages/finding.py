"""One finding: which images have it, how to repair it, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.urls import reverse

from accounts.models import Account
from quota.models import Finding, FindingGroup, Image, Triage, TriageState
from quota.models.findings import PRESENT
from quota.pages import cursors
from quota.pages.findings import KINDS, STATE_TONES, TONES, part_note
from quota.pages.words import Clock, plural
from quota.rules.repairs import (
    Place,
    Repair,
    Upgrade,
    file_repair,
    package_repair,
    secret_repair,
)
from quota.scanners.port import Category

PAGE = 50
# The repair plan is made from the first of the affected images: thousands of them
# hold the same few versions.
LOOKED_AT = 2_000
MOST_UPGRADES = 5


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """One place in one image where the finding is."""

    image: str
    image_url: str
    short_id: str
    version: str
    fixed: str
    path: str
    layer: str
    evidence: str
    first_seen: str
    state: str
    state_tone: str
    decide_url: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision, of whom and when."""

    state: str
    state_tone: str
    scope: str
    note: str
    by: str
    when: str


class Only(NamedTuple):
    """The one image that a decision may be for."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One finding. ``chosen_state`` and ``is_only`` are what the form shows chosen."""

    id: int
    triage_url: str
    list_url: str
    kind: str
    name: str
    identifier: str
    package: str
    title: str
    tone: str
    severity: str
    fixed: str
    images: str
    open_words: str
    first_seen: str
    source: str
    state: str
    state_tone: str
    state_note: str
    repair: Repair
    affected: Sequence[AffectedRow]
    more_url: str
    decisions: Sequence[DecisionRow]
    only: Only | None
    is_only: bool
    chosen_state: str


def finding_page(
    group: FindingGroup,
    *,
    only: Image | None,
    asked: Mapping[str, str],
    after: str,
    account: Account,
    now: datetime,
) -> FindingPage:
    """Everything of one group; its images fifty at a time. ``only`` is the image a
    decision may be narrowed down to; ``asked`` is a decision that was refused. Refuses
    a place that was not given out for the group (UnknownCursor)."""
    clock = Clock(account, now)
    list_url = reverse("quota:findings", args=[account.slug])
    url = f"{list_url}/{group.pk}"
    found = _affected(group, after)
    more, found = len(found) > PAGE, found[:PAGE]
    is_package = group.category == Category.VULNERABILITIES
    fixed = f"Fixed in {group.fixed_version}" if group.fixed_version else "No fix known"
    state = TriageState(group.state)
    return FindingPage(
        id=group.pk,
        triage_url=f"{url}/triage",
        list_url=f"{list_url}?kind={group.category}",
        kind=KINDS[group.category],
        name=group.identifier if is_package else group.title or group.identifier,
        identifier=group.identifier,
        package=group.package,
        title=group.title if is_package else "",
        tone=TONES.get(group.severity, ""),
        severity=group.severity.capitalize(),
        fixed=fixed if is_package else "",
        images=plural(group.images, "image"),
        open_words=_open_words(group),
        first_seen=clock.moment(group.first_seen_at),
        source=group.source,
        state=state.label,
        state_tone=STATE_TONES[state],
        state_note=part_note(group),
        repair=_repair(group),
        affected=[_row(each, url, account, clock) for each in found],
        more_url=f"{url}?{_cursor(group, found[-1])}" if more else "",
        decisions=_decisions(group, clock),
        only=Only(only.pk, str(only)) if only else None,
        is_only=only is not None and asked.get("image") != "",
        chosen_state=asked.get("state") or state.value,
    )


def _open_words(group: FindingGroup) -> str:
    if not group.images:
        return "No image seen now has it."
    note = part_note(group)
    return f"Open {note} images." if note else ""


def _affected(group: FindingGroup, after: str) -> list[Finding]:
    affected = (
        _present(group)
        .select_related("image")
        .order_by("image", "pk")
        .defer("advice", "title")
    )
    if after:
        place = tuple(cursors.read(after, _salt(group)))
        affected = affected.filter(
            TupleGreaterThan(Tuple(F("image_id"), F("id")), place)
        )
    return list(affected[: PAGE + 1])


def _salt(group: FindingGroup) -> str:
    return f"finding.{group.account_id}.{group.pk}"


def _cursor(group: FindingGroup, last: Finding) -> str:
    return urlencode({"after": cursors.give([last.image_id, last.pk], _salt(group))})


def _present(group: FindingGroup) -> QuerySet[Finding]:
    return Finding.objects.filter(
        PRESENT,
        account=group.account_id,
        group=group,
        image__account=group.account_id,
    )


def _row(finding: Finding, url: str, account: Account, clock: Clock) -> AffectedRow:
    image, state = finding.image, TriageState(finding.state)
    kind = "local" if image.is_local else "repository"
    return AffectedRow(
        image=str(image),
        image_url=reverse("quota:image", args=[account.slug, kind, image.digest]),
        short_id=image.digest[7:19],
        version=finding.version,
        fixed=finding.fixed_version,
        path=finding.path,
        layer=finding.layer,
        evidence=finding.evidence,
        first_seen=clock.date(finding.first_seen_at),
        state=state.label,
        state_tone=STATE_TONES[state],
        decide_url=f"{url}?image={image.pk}#decide",
    )


def _repair(group: FindingGroup) -> Repair:
    """From the versions and layers of the first affected images, the most frequent
    first."""
    looked_at = _present(group).order_by("image", "pk").values("pk")[:LOOKED_AT]
    chosen = Finding.objects.filter(account=group.account_id, pk__in=looked_at)
    found = chosen.values_list("version", "fixed_version", "layer").annotate(
        images=Count("image", distinct=True)
    )
    upgrades: dict[tuple[str, str], int] = {}
    layers: dict[str, int] = {}
    for version, fixed, layer, images in found:
        upgrades[version, fixed] = upgrades.get((version, fixed), 0) + images
        layers[layer] = layers.get(layer, 0) + images
    places = sorted((Place(*e) for e in layers.items()), key=lambda e: -e.images)
    if group.category == Category.TROJANS:
        return file_repair(group.identifier, places)
    if group.category == Category.SENSITIVE_DATA:
        return secret_repair(places)
    most = sorted(upgrades.items(), key=lambda each: (-each[1], each[0]))
    listed = [Upgrade(*held, count) for held, count in most[:MOST_UPGRADES]]
    return package_repair(group.identifier, group.package, listed, places)


def _decisions(group: FindingGroup, clock: Clock) -> Sequence[DecisionRow]:
    decisions = (
        Triage.objects.filter(account=group.account_id, group=group)
        .select_related("by", "image")
        .order_by("-pk")[:PAGE]
    )
    return [
        DecisionRow(
            state=TriageState(each.state).label,
            state_tone=STATE_TONES[TriageState(each.state)],
            scope=f"for {each.image}" if each.image else "for all images",
            note=each.note,
            by=str(each.by),
            when=clock.moment(each.decided_at),
        )
        for each in decisions
    ]
