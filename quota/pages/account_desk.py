"""One account on one page, for staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts.http import rights_of
from accounts.models import Account, BalanceEntry, Member, Notice
from accounts.money import format_money
from quota.models import Order, QuotaWindow, RefundRequest, ScanTask, Subscription
from quota.pages.renewal import last_switch_words
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it is now."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The newest rows of one kind, and where all of them are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    url: str
    empty: str


@dataclass(frozen=True, slots=True)
class AccountDesk:
    """What staff need to know when a customer calls."""

    slug: str
    state: str
    tone: str
    facts: Sequence[Fact]
    tables: Sequence[Table]


TONES = {"active": "ok", "suspended": "bad", "ending": "bad", "terminated": ""}


def account_desk(account: Account, now: datetime) -> AccountDesk:
    """State, term, quota, balance, orders, refunds, tasks, members and notices."""
    clock = Clock(account, now)
    newest = Subscription.objects.filter(account=account).order_by("-anchor").first()
    state = str(newest.state(now)) if newest else ""
    if newest and newest.refunded_at:
        state = f"{state}, refunded"
    return AccountDesk(
        slug=account.slug,
        state=state.capitalize() or "Never bought",
        tone=TONES.get(state, ""),
        facts=[
            _edition(newest, clock),
            _quota(account, clock),
            Fact(
                "Balance",
                format_money(account.balance, account.currency),
                f"{format_money(account.debt, account.currency)} debt"
                if account.debt
                else "",
            ),
            Fact("Time zone", account.zone, f"Since {clock.day(account.created_at)}"),
        ],
        tables=[
            _windows(account, clock),
            _orders(account, clock),
            _movements(account, clock),
            _refunds(account, clock),
            _tasks(account, clock),
            _members(account),
            _notices(account, clock),
        ],
    )


def _edition(newest: Subscription | None, clock: Clock) -> Fact:
    if newest is None:
        return Fact("Professional Edition", "None")
    renewal = "Auto-renewal on" if newest.auto_renew else "Auto-renewal off"
    if switched := last_switch_words(newest, clock):
        renewal += f". {switched}"
    return Fact(
        "Professional Edition",
        f"Until {clock.moment(newest.ends_at)}",
        f"{plural(newest.cores, 'core')}. {renewal}",
    )


def _quota(account: Account, clock: Clock) -> Fact:
    windows = list(QuotaWindow.objects.drawable_at(account.pk, clock.now))
    left = sum(window.free_tenths for window in windows)
    held = sum(window.held_tenths for window in windows)
    total = sum(w.granted_tenths - w.revoked_tenths for w in windows)
    return Fact(
        "Quota left",
        f"{format_quota(left)} of {format_quota(total)}",
        f"{format_quota(held)} held" if held else plural(len(windows), "open month"),
    )


def _list(model: str, account: Account) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?of={account.slug}"


def _windows(account: Account, clock: Clock) -> Table:
    windows = QuotaWindow.objects.filter(account=account, ends_at__gt=clock.now)
    return Table(
        "Open and future months",
        ("From", "To", "Granted", "Used", "Held", "Left"),
        [
            (
                clock.date(w.starts_at),
                clock.date(w.ends_at),
                *map(
                    format_quota,
                    (w.granted_tenths, w.used_tenths, w.held_tenths, w.free_tenths),
                ),
            )
            for w in windows.order_by("ends_at", "pk")[:SHOWN]
        ],
        _list("quota_quotawindow", account),
        "No open month of quota.",
    )


def _orders(account: Account, clock: Clock) -> Table:
    orders = Order.objects.filter(account=account).order_by("-number")[:SHOWN]
    return Table(
        "Orders",
        ("Order", "Kind", "Amount", "When"),
        [
            (
                order.label,
                order.get_kind_display(),
                format_money(order.total, order.currency),
                clock.moment(order.created_at),
            )
            for order in orders
        ],
        _list("quota_order", account),
        "No orders yet.",
    )


def _movements(account: Account, clock: Clock) -> Table:
    entries = BalanceEntry.objects.filter(account=account).order_by("-pk")[:SHOWN]
    money = account.currency
    return Table(
        "Movements of the balance",
        ("What", "Amount", "Balance after", "When"),
        [
            (
                entry.get_kind_display(),
                format_money(entry.amount, money),
                format_money(entry.balance_after, money),
                clock.moment(entry.created_at),
            )
            for entry in entries
        ],
        _list("accounts_balanceentry", account),
        "No movements yet.",
    )


def _refunds(account: Account, clock: Clock) -> Table:
    refunds = RefundRequest.objects.filter(account=account).select_related("pack")
    return Table(
        "Refund requests",
        ("Request", "What", "Estimate", "State", "Sent"),
        [
            (
                refund.label,
                str(refund.pack or "Professional Edition"),
                format_money(refund.estimate, account.currency),
                refund.get_state_display(),
                clock.moment(refund.requested_at),
            )
            for refund in refunds.order_by("-requested_at")[:SHOWN]
        ],
        f"{_list('quota_refundrequest', account)}&state=all",
        "No refund was asked for.",
    )


def _tasks(account: Account, clock: Clock) -> Table:
    tasks = ScanTask.objects.filter(account=account).select_related("requested_by")
    return Table(
        "Scan tasks",
        ("Task", "What", "Images", "Quota", "When"),
        [
            (
                str(task.pk),
                task.title,
                f"{task.images:,}",
                format_quota(task.cost_tenths),
                clock.moment(task.requested_at),
            )
            for task in tasks.order_by("-pk")[:SHOWN]
        ],
        _list("quota_scantask", account),
        "Nothing was scanned yet.",
    )


def _members(account: Account) -> Table:
    members = Member.objects.filter(account=account).select_related("user")
    return Table(
        "Members",
        ("Person", "Email", "May"),
        [
            (
                str(member.user),
                member.user.email,
                "Creator"
                if member.is_creator
                else ", ".join(sorted(rights_of(member))),
            )
            for member in members.order_by("-is_creator", "pk")[:SHOWN]
        ],
        f"{reverse('admin:accounts_member_changelist')}?q={account.slug}",
        "No members.",
    )


def _notices(account: Account, clock: Clock) -> Table:
    notices = Notice.objects.filter(account=account).select_related("user")
    return Table(
        "Notices",
        ("What", "To", "By", "State", "When"),
        [
            (
                notice.get_kind_display(),
                str(notice.user),
                notice.get_channel_display(),
                notice.get_state_display(),
                clock.moment(notice.created_at),
            )
            for notice in notices.order_by("-pk")[:SHOWN]
        ],
        _list("accounts_notice", account),
        "Nobody was written to yet.",
    )
