"""What stands around every page: navigation, balance, the small quota strip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.http import Right
from accounts.money import format_money
from accounts.pages.bell import unread_words
from accounts.words import zone_label
from quota.models import Kind
from quota.pages.header import paused, quota_header


@dataclass(frozen=True, slots=True)
class NavItem:
    """One link of the left column. ``current`` is the word of ``aria-current``:
    ``page`` on its page, ``true`` on a page under it."""

    label: str
    icon: str
    url: str
    current: str
    end: object = ""


@dataclass(frozen=True, slots=True)
class NavGroup:
    """A heading and its links."""

    title: str
    items: Sequence[NavItem]


CRUMBS = {
    "quota:front": "Overview",
    "quota:image": "Image",
    "quota:scan-now": "Scan now",
    "quota:registries": "Registries",
    "quota:connect-registry": "Connect a registry",
    "quota:registry": "Registry",
    "quota:remove-registry": "Remove a registry",
    "quota:findings": "Findings",
    "quota:finding": "Finding",
    "quota:schedule": "Scheduled scan settings",
    "quota:tasks": "Scan tasks",
    "quota:task": "Scan task",
    "quota:subscription": "Subscription",
    "quota:renew": "Renew",
    "quota:purchase": "Purchase additional quota",
    "quota:balance": "Balance",
    "quota:usage": "Usage and ledger",
    "quota:entry": "Entry",
    "quota:batch": "Entries",
    "quota:breakdown": "Broken down",
    "quota:statements": "Statements",
    "quota:statement": "Statement",
    "quota:top-up": "Top up",
    "quota:top-up-state": "Top-up",
    "quota:orders": "Orders and invoices",
    "quota:order": "Order",
    "quota:invoice": "Invoice",
    "quota:billing-details": "Billing details",
    "quota:refund-order": "Request a refund",
    "quota:refund": "Refund",
    "accounts:members": "Members and roles",
    "accounts:notices": "Notices",
}
UNDER = {
    "quota:image": "quota:images",
    "quota:scan-now": "quota:images",
    "quota:schedule": "quota:images",
    "quota:task": "quota:tasks",
    "quota:finding": "quota:findings",
    "quota:connect-registry": "quota:registries",
    "quota:registry": "quota:registries",
    "quota:remove-registry": "quota:registries",
    "quota:renew": "quota:subscription",
    "quota:purchase": "quota:subscription",
    "quota:order": "quota:orders",
    "quota:invoice": "quota:orders",
    "quota:billing-details": "quota:orders",
    "quota:refund-order": "quota:orders",
    "quota:refund": "quota:orders",
    "quota:entry": "quota:usage",
    "quota:batch": "quota:usage",
    "quota:breakdown": "quota:usage",
    "quota:statements": "quota:usage",
    "quota:statement": "quota:usage",
    "quota:top-up": "quota:balance",
    "quota:top-up-state": "quota:balance",
    "accounts:invite": "accounts:members",
    "accounts:hand-over": "accounts:members",
    "accounts:notice-settings": "accounts:notices",
}


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context of ``base.html`` on an account's pages; nothing elsewhere."""
    account = getattr(request, "account", None)
    if account is None:
        return {}
    rights: frozenset[Right] = request.rights  # type: ignore[attr-defined]
    name = str(request.user)
    return {
        "account": account,
        "zone": zone_label(account.zone_info, timezone.now()),
        "crumb": _crumb(_view(request), _kind(request)),
        "crumb_above": _above(request, account.slug),
        "nav": _nav(request, account.slug, rights),
        "balance": (
            format_money(account.balance, account.currency)
            if Right.MONEY in rights
            else None
        ),
        "can_scan": Right.SCAN in rights,
        "can_buy": Right.MONEY in rights,
        "is_looking": getattr(request, "is_looking", False),
        "initials": "".join(word[0] for word in name.split()[:2]).upper(),
        "quota_mini": SimpleLazyObject(lambda: quota_header(account, timezone.now())),
        "quota_pause": SimpleLazyObject(lambda: paused(account, timezone.now())),
    }


def _view(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""


def _kind(request: HttpRequest) -> Kind | None:
    """The list that an address names, if it names one."""
    return request.resolver_match.kwargs.get("kind") if request.resolver_match else None


def _crumb(view: str, kind: Kind | None) -> str:
    if view == "quota:images" and kind:
        return f"{kind.capitalize()} images"
    return CRUMBS.get(view, "")


def _above(request: HttpRequest, slug: str) -> tuple[str, str] | None:
    """The words and the address of the page that this one lies under."""
    name, kind = UNDER.get(_view(request)), _kind(request)
    if name is None:
        return None
    url = _address(name, slug, kind) if kind else _address(name, slug)
    return _crumb(name, kind), url


@lru_cache(maxsize=4_096)
def _address(name: str, *parts: str) -> str:
    return reverse(name, args=parts)


def _nav(
    request: HttpRequest, slug: str, rights: frozenset[Right]
) -> Sequence[NavGroup]:
    view, here = _view(request), {None, _kind(request)}
    above = UNDER.get(view)

    def item(label: str, icon: str, name: str, kind: Kind | None = None) -> NavItem:
        url = _address(name, slug, kind) if kind else _address(name, slug)
        word = {view: "page", above: "true"}.get(name, "")
        return NavItem(label, icon, url, word if kind in here else "")

    groups = [
        NavGroup("", [item("Overview", "layout-dashboard", "quota:front")]),
        NavGroup(
            "Images",
            [
                item("Local images", "server", "quota:images", Kind.LOCAL),
                item("Repository images", "package", "quota:images", Kind.REPOSITORY),
                item("Scan tasks", "list-checks", "quota:tasks"),
                item("Findings", "shield-alert", "quota:findings"),
                item("Registries", "plug", "quota:registries"),
            ],
        ),
    ]
    billing = [
        item("Subscription", "calendar-clock", "quota:subscription"),
        item("Usage and ledger", "chart-column", "quota:usage"),
    ]
    if Right.MONEY in rights:
        billing += [
            item("Orders and invoices", "receipt", "quota:orders"),
            item("Balance", "wallet", "quota:balance"),
        ]
    groups.append(NavGroup("Billing", billing))
    unread = SimpleLazyObject(lambda: unread_words(request))
    groups.append(
        NavGroup(
            "Account",
            [
                item("Members and roles", "users", "accounts:members"),
                replace(item("Notices", "bell", "accounts:notices"), end=unread),
            ],
        )
    )
    return groups
