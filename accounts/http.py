"""The one door to an account's pages, and the one way to answer page or fragment."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts import looking
from accounts.models import Account, Member, User
from accounts.pages.said import Said, came_from
from accounts.seats import Seat, seats_of

P = ParamSpec("P")
DIALOGS = {"modal", "drawer"}
ACTIVE_STEP = timedelta(minutes=5)


class Right(StrEnum):
    """What a member may do (rules 9)."""

    SEE = "see"
    SCAN = "scan"
    MONEY = "money"
    MEMBERS = "members"


DOING = {
    Right.SCAN: "Scanning and everything about images",
    Right.MONEY: "Buying, prices and the balance",
    Right.MEMBERS: "Members and roles",
}


class AccountRequest(HttpRequest):
    """A request that came through ``with_account``."""

    user: User
    account: Account
    member: Member
    rights: frozenset[Right]
    seats: list[Seat]
    htmx: HtmxDetails
    is_looking: bool = False
    missing: Right | None = None


def rights_of(member: Member) -> frozenset[Right]:
    """The rights of a member: all see; the flags add; the creator has all."""
    if member.is_creator:
        return frozenset(Right)
    rights = {Right.SEE}
    if member.is_global_resource:
        rights.add(Right.SCAN)
    if member.is_financial:
        rights.add(Right.MONEY)
    return frozenset(rights)


AccountView = Callable[Concatenate[AccountRequest, P], HttpResponseBase]
PlainView = Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]


def with_account(right: Right) -> Callable[[AccountView[P]], PlainView[P]]:
    """Let a member with ``right`` in, and set the account on the request.

    Whoever is not signed in is sent to sign in; a stranger gets 404, whether or not
    the account exists; a member without the right 403 and a sentence that names who
    can help.
    """

    def decorate(view: AccountView[P]) -> PlainView[P]:
        @wraps(view)
        def inner(
            request: HttpRequest, account: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            entered = _enter(request, account, right)
            return view(entered, *args, **kwargs)

        return inner  # type: ignore[return-value]  # named in the URL pattern

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    back = came_from(request)
    url = f"{resolve_url(settings.LOGIN_URL)}?next={quote(back)}"
    if getattr(request, "session_ended", False):
        url += "&ended=1"
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


def _enter(request: HttpRequest, slug: str, right: Right) -> AccountRequest:
    seats = seats_of(request.user.pk, slug)  # type: ignore[arg-type]  # signed in
    if not seats or seats[0].account.slug != slug:
        return _look(request, slug)
    entered: AccountRequest = request  # type: ignore[assignment]
    entered.seats = seats
    entered.member, entered.account = seats[0].member, seats[0].account
    entered.rights = rights_of(entered.member)
    _note_activity(entered.member, timezone.now())
    if right not in entered.rights:
        entered.missing = right
        raise PermissionDenied(_who_can_help(entered.account, right))
    return entered


def _look(request: HttpRequest, slug: str) -> AccountRequest:
    """Let staff who look as the customer see what the creator sees; whatever would
    change something is refused (rules 9: they neither buy nor scan for a customer)."""
    if not looking.is_looking_at(request, slug, timezone.now()):
        raise Http404("There is no such account.")
    if request.method not in {"GET", "HEAD"}:
        raise PermissionDenied(
            "You are looking as the customer. Nothing can be changed from here."
        )
    entered: AccountRequest = request  # type: ignore[assignment]
    entered.member = Member.objects.select_related("account", "user").get(
        account__slug=slug, is_creator=True
    )
    entered.account, entered.rights = entered.member.account, frozenset(Right)
    entered.is_looking = True
    return entered


def _note_activity(member: Member, now: datetime) -> None:
    """Keep when a member was last here, to five minutes: one write in many requests."""
    last = member.last_active_at
    if last is None or now - last >= ACTIVE_STEP:
        mine = Member.objects.filter(account=member.account_id, pk=member.pk)
        mine.update(last_active_at=now)


def address_of(request: HttpRequest) -> str:
    """Where a request came from. Behind a proxy it is the last hop that the proxy saw;
    what came before may be made up."""
    if settings.SECURE_PROXY_SSL_HEADER:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        if hops[-1].strip():
            return hops[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def names_with(account: Account, right: Right) -> list[str]:
    """The members with a right, by name."""
    members = Member.objects.filter(account=account).select_related("user")
    return sorted(str(member.user) for member in members if right in rights_of(member))


def who_has(account: Account, right: Right) -> str:
    """The same in a sentence: ``Ivo Brandt or Mei Tanaka``."""
    return " or ".join(names_with(account, right))


def _who_can_help(account: Account, right: Right) -> str:
    who = who_has(account, right)
    return f"{DOING[right]} needs a right that you do not have. {who} can help."


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page. A boosted link and the back button want
    a whole page."""
    # What is refused before htmx's middleware has seen it is asked all the same.
    htmx: HtmxDetails = getattr(request, "htmx", None) or HtmxDetails(request)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answer with the whole page, or to htmx with a partial of the same template.

    The context's ``fragment`` names the partial that is the answer, so that it alone
    adds what must change elsewhere on the page.
    """
    fragment = partial if partial and wants_fragment(request) else ""
    name = f"{template}#{fragment}" if fragment else template
    response = render(request, name, {**context, "fragment": fragment}, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_said(
    request: HttpRequest, said: Said, *, status: int, bare: bool = False
) -> HttpResponse:
    """Answer with what could not be done: a page, or to htmx a note, or a dialog where
    one was to open. A ``bare`` answer needs neither database nor session."""
    partial = ""
    if wants_fragment(request):
        opens = request.method == "GET" and request.headers.get("HX-Target") in DIALOGS
        partial = "dialog" if opens else "note"
    name = f"said.html#{partial}" if partial else "said.html"
    text = render_to_string(name, {"said": said}, request=None if bare else request)
    response = HttpResponse(text, status=status)
    if partial:
        response.headers["HX-Said"] = partial
    patch_vary_headers(response, ["HX-Request"])
    return response
