"""What could not be done, in words: the pages behind 4xx and 5xx (ui.md 6.16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import reverse

NO_RIGHT = "Your role does not include this."
UNCONFIRMED = (
    "We could not confirm the payment. Do not pay again. Check Orders in a minute."
)


@dataclass(frozen=True, slots=True)
class Way:
    """Where a button leads."""

    label: str
    url: str
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One page: its heading, its sentence, and the ways on. ``missing`` is a right that
    can be asked for; ``searches`` offers to look for the image."""

    heading: str
    text: str
    icon: str
    ways: Sequence[Way]
    missing: str = ""
    searches: bool = False


def no_right(request: HttpRequest, words: str) -> Said:
    """403: who can help, and the members if there are any to ask."""
    account = getattr(request, "account", None)
    members = (
        [Way("Members and roles", reverse("accounts:members", args=[account.slug]))]
        if account
        else []
    )
    return Said(
        "You cannot open this page", words or NO_RIGHT, "lock",
        [*members, *_away(request)], missing=getattr(request, "missing", ""),
    )  # fmt: skip


def too_old(request: HttpRequest) -> Said:
    """403: a form whose token is gone."""
    return Said(
        "This page was open too long",
        "Nothing was changed. Load it again and repeat the last step.", "clock",
        [Way("Load again", came_from(request), is_primary=True)],
    )  # fmt: skip


def nothing_here(request: HttpRequest) -> Said:
    """404."""
    return Said(
        "There is nothing at this address",
        "The image or task may have been deleted, or the link is incomplete.", "search",
        _away(request), searches=hasattr(request, "account"),
    )  # fmt: skip


def refused(request: HttpRequest, words: str) -> Said:
    """A refusal that no page has a place for."""
    ways = [Way("Back", came_from(request)), *_away(request)]
    return Said("This cannot be done", words, "triangle-alert", ways)


def not_this_way(request: HttpRequest) -> Said:
    """405: an address that only a button leads to was opened, or a page was sent to."""
    if request.method in {"GET", "HEAD"}:
        return Said(
            "There is nothing to open here",
            "This address only carries out what a button asks for. Nothing was changed;"
            " press the button on its page.", "search", _away(request),
        )  # fmt: skip
    ways = [Way("Back", came_from(request)), *_away(request)]
    words = "This page can only be read. Nothing was changed."
    return Said("Nothing can be sent here", words, "triangle-alert", ways)


def too_many(request: HttpRequest, words: str) -> Said:
    """429."""
    return Said(
        "Too many requests",
        f"{words or 'Wait a little.'} Your last action was not carried out.", "clock",
        [Way("Try again", came_from(request))],
    )  # fmt: skip


def busy(request: HttpRequest) -> Said:
    """503: a lock that was not to be had."""
    return Said(
        "Busy for a moment",
        "Another change to this account is still being written. Nothing was changed;"
        " try again.", "clock",
        [Way("Try again", came_from(request), is_primary=True)],
    )  # fmt: skip


def back_shortly(request: HttpRequest, until: str) -> Said:
    """503: the operator is at work."""
    return Said(
        "Back shortly",
        f"Maintenance until about {until}. Running scans continue.", "clock",
        [Way("Try again", came_from(request))],
    )  # fmt: skip


def broken(request: HttpRequest, code: str, orders: str) -> Said:
    """500. Whoever was paying is sent to look at ``orders`` first."""
    text = UNCONFIRMED if orders else "Nothing was charged. We have been told."
    ways = (
        [Way("Orders", orders, is_primary=True)]
        if orders
        else [Way("Try again", came_from(request)), Way("Go to the start", "/")]
    )
    return Said(
        "Something broke on our side", f"{text} Code {code}.", "octagon-alert", ways
    )


def came_from(request: HttpRequest) -> str:
    """The page somebody was on: this one, or that from which a button was pressed."""
    if request.method in {"GET", "HEAD"} and "HX-Request" not in request.headers:
        return request.get_full_path()
    found = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    try:
        parts = urlsplit(found)
    except ValueError:
        return "/"
    if parts.netloc != request.get_host() or not parts.path.startswith("/"):
        return "/"
    path = "/" + parts.path.lstrip("/")
    return f"{path}?{parts.query}" if parts.query else path


def _away(request: HttpRequest) -> list[Way]:
    account = getattr(request, "account", None)
    if account:
        return [Way("Overview", account.get_absolute_url())]
    return [Way("Go to the start", "/")]
