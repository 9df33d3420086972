"""The Notices page: one member's own notices, grouped by day, in three queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse

from accounts.models import Account, Member, Notice
from accounts.notice_kinds import KINDS, Group
from accounts.wording import draw, title
from accounts.words import Clock

PAGE = 50
SHOWN = {
    "": "All",
    "unread": "Unread",
    Group.BILLING.value: "Billing",
    Group.SCANNING.value: "Quota and scans",
    Group.ACCOUNT.value: "Account",
}
State = Notice.State


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One notice, with what became of its messages."""

    pk: int
    title: str
    line: str
    when: str
    iso: str
    icon: str
    tone: str
    unread: bool
    deliveries: Sequence[tuple[str, str]]
    link: str
    action: str
    read_url: str


@dataclass(frozen=True, slots=True)
class Day:
    """A heading and its notices."""

    heading: str
    rows: Sequence[NoticeRow]


@dataclass(frozen=True, slots=True)
class NoticesPage:
    """What the page shows; ``more`` is the address of the next page."""

    days: Sequence[Day]
    filters: Sequence[tuple[str, str, bool]]
    shown: str
    more: str


def notices_page(
    member: Member, *, shown: str, after: str, now: datetime
) -> NoticesPage:
    """A page of the member's notices. An unknown filter shows all; an unknown or
    foreign cursor is not found."""
    shown = shown if shown in SHOWN else ""
    own = Notice.objects.filter(account=member.account_id, user=member.user_id)
    found = own.filter(_filter(shown), channel="email")
    if after:
        found = found.filter(_older_than(own, after))
    rows = list(found.order_by("-created_at", "-pk")[: PAGE + 1])
    page, more = rows[:PAGE], len(rows) > PAGE
    clock = Clock(member.account, now)
    texts = _siblings(own, page)
    drawn = [(row, notice_row(row, texts, member.account, clock)) for row in page]
    query = f"?show={shown}&after={page[-1].pk}" if more else ""
    return NoticesPage(
        days=_by_day(drawn, clock),
        filters=[(value, label, value == shown) for value, label in SHOWN.items()],
        shown=shown,
        more=query,
    )


def latest_notices(member: Member, now: datetime, count: int) -> Sequence[NoticeRow]:
    """The member's latest notices, without what became of their messages."""
    own = Notice.objects.filter(account=member.account_id, user=member.user_id)
    clock = Clock(member.account, now)
    latest = own.filter(channel="email").order_by("-created_at", "-pk")[:count]
    return [notice_row(row, {}, member.account, clock) for row in latest]


def one_row(member: Member, notice: Notice, now: datetime) -> NoticeRow:
    """One notice, as the page shows it."""
    own = Notice.objects.filter(account=member.account_id, user=member.user_id)
    texts = _siblings(own, [notice])
    return notice_row(notice, texts, member.account, Clock(member.account, now))


def _filter(shown: str) -> Q:
    if shown == "unread":
        return Q(read_at=None)
    kinds = [kind for kind, words in KINDS.items() if words.group == shown]
    return Q(kind__in=kinds) if kinds else Q()


def _older_than(own: QuerySet[Notice], after: str) -> Q:
    number = int(after) if after.isdecimal() and len(after) < 19 else 0
    last = own.filter(pk=number).first()
    if last is None:
        raise Http404("There is no such page of notices.")
    return Q(created_at__lt=last.created_at) | Q(
        created_at=last.created_at, pk__lt=last.pk
    )


Texts = Mapping[tuple[str, str], Notice]


def _siblings(own: QuerySet[Notice], page: Sequence[Notice]) -> Texts:
    """The SMS of these notices, by kind and subject."""
    subjects = {row.subject for row in page if KINDS[row.kind].by_sms}
    if not subjects:
        return {}
    found = own.filter(channel="sms", subject__in=subjects)
    return {(row.kind, row.subject): row for row in found}


def notice_row(
    notice: Notice, texts: Texts, account: Account, clock: Clock
) -> NoticeRow:
    """Draw one notice; its title is the subject of its mail."""
    words = KINDS[notice.kind]
    context = {**notice.context, "account": account.name}
    today = notice.created_at.astimezone(clock.zone).date() == clock.now.date()
    messages = [notice, texts.get((notice.kind, notice.subject))]
    return NoticeRow(
        pk=notice.pk,
        title=title(notice.kind, context),
        line=draw(f"{notice.kind}.line.txt", context),
        when=clock.time(notice.created_at) if today else clock.day(notice.created_at),
        iso=clock.iso(notice.created_at),
        icon=words.icon,
        tone=words.tone,
        unread=notice.read_at is None,
        deliveries=[delivery(each, clock) for each in messages if each],
        link=words.path(account.slug, context),
        action=words.offer(context),
        read_url=reverse("accounts:read-notice", args=[account.slug, notice.pk]),
    )


def delivery(notice: Notice, clock: Clock) -> tuple[str, str]:
    """What became of one message, in words and a tone. What a provider said while it is
    still being tried is for staff."""
    by = notice.get_channel_display()
    if notice.state == State.SENT and notice.sent_at:
        perhaps = ", perhaps twice" if notice.interrupted else ""
        return f"{by} sent {_when(notice.sent_at, clock)}{perhaps}", ""
    if notice.state == State.FAILED:
        return f"{by} failed: {notice.reason}", "badc"
    if notice.state == State.SKIPPED:
        return f"No {by if by == 'SMS' else by.lower()}: {notice.reason}", ""
    if notice.attempts:
        return f"{by} not sent yet, next try {_when(notice.due_at, clock)}", "warnc"
    return f"{by} on its way", ""


def _when(instant: datetime, clock: Clock) -> str:
    today = instant.astimezone(clock.zone).date() == clock.now.date()
    return clock.time(instant) if today else clock.moment(instant)


def _by_day(drawn: Sequence[tuple[Notice, NoticeRow]], clock: Clock) -> Sequence[Day]:
    today = clock.now.date()
    monday = today - timedelta(days=today.weekday())
    days: dict[str, list[NoticeRow]] = {}
    for notice, row in drawn:
        date = notice.created_at.astimezone(clock.zone).date()
        older = "This week" if date >= monday else "Earlier"
        days.setdefault("Today" if date >= today else older, []).append(row)
    return [Day(heading, rows) for heading, rows in days.items()]


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of notice: who gets it, how, and whether this member may turn it off."""

    kind: str
    label: str
    to: str
    by: str
    required: bool
    on: bool


def settings_page(member: Member) -> Sequence[Setting]:
    """Every kind, with this member's own switches."""
    return [
        Setting(
            kind=kind,
            label=Notice.Kind(kind).label,
            to=words.to,
            by="Email and SMS" if words.by_sms else "Email",
            required=words.required,
            on=kind not in member.quiet,
        )
        for kind, words in KINDS.items()
    ]
