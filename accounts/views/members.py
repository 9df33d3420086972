"""Members and roles: everyone sees, the creator changes."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.forms.members import HandOverForm, InviteForm, RoleForm
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from accounts.pages.members import ROLES, members_page
from accounts.services import inviting
from accounts.services import members as changing


@require_GET
@with_account(Right.SEE)
def members(request: AccountRequest) -> HttpResponse:
    """Who is in the account."""
    return _page(request, timezone.now())


@require_POST
@with_account(Right.MEMBERS)
def change_role(request: AccountRequest, user: int) -> HttpResponse:
    """Give a collaborator another role, at once."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        refusal = Refusal("Choose one of the four roles.")
        return _page(request, timezone.now(), refusal)

    def act(now: datetime) -> str:
        changing.change_role(
            account=request.account,
            user_id=user,
            by=request.user,
            now=now,
            **form.flags(),
        )
        return "Role changed."

    return _acted(request, act)


@require_POST
@with_account(Right.MEMBERS)
def remove(request: AccountRequest, user: int) -> HttpResponse:
    """Remove a collaborator, at once."""

    def act(now: datetime) -> str:
        changing.remove(account=request.account, user_id=user, by=request.user, now=now)
        return "Removed. You can undo this for 10 minutes."

    return _acted(request, act)


@require_POST
@with_account(Right.MEMBERS)
def undo(request: AccountRequest, change: int) -> HttpResponse:
    """Take a change back."""

    def act(now: datetime) -> str:
        undone = changing.undo(account=request.account, change_id=change, now=now)
        return f"{undone.user} has the earlier role again."

    return _acted(request, act)


@require_POST
@with_account(Right.MEMBERS)
def invite_again(request: AccountRequest, invite: int) -> HttpResponse:
    """Send an invitation anew."""

    def act(now: datetime) -> str:
        sent = inviting.send_again(account=request.account, invite_id=invite, now=now)
        return f"Invitation sent to {sent.email} again."

    return _acted(request, act)


@require_POST
@with_account(Right.MEMBERS)
def invite_cancel(request: AccountRequest, invite: int) -> HttpResponse:
    """Cancel an invitation."""

    def act(now: datetime) -> str:
        gone = inviting.cancel(account=request.account, invite_id=invite, now=now)
        return f"The invitation of {gone.email} is cancelled."

    return _acted(request, act)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MEMBERS)
def invite(request: AccountRequest) -> HttpResponse:
    """Invite somebody: a dialog, and a page."""
    if request.method != "POST":
        return _invite_dialog(request, InviteForm())
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _invite_dialog(request, form, 422)
    try:
        made = inviting.invite(
            account=request.account,
            email=form.cleaned_data["email"],
            by=request.user,
            now=timezone.now(),
            **form.flags(),
        )
    except Refusal as refusal:
        form.add_error("email", str(refusal))
        return _invite_dialog(request, form, refusal.status)
    messages.success(request, f"Invitation sent to {made.email}.")
    return _to_members(request)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MEMBERS)
def hand_over(request: AccountRequest) -> HttpResponse:
    """Make another member the creator."""
    posted = request.POST if request.method == "POST" else None
    form = HandOverForm(posted, account=request.account, user=request.user)
    if posted is None or not form.is_valid():
        return _hand_over_dialog(request, form, 200 if posted is None else 422)
    try:
        change = changing.hand_over(
            account=request.account,
            user_id=form.cleaned_data["member"],
            by=request.user,
            now=timezone.now(),
        )
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return _hand_over_dialog(request, form, refusal.status)
    messages.success(request, f"{change.user} is the creator now.")
    return _to_members(request)


def _to_members(request: AccountRequest) -> HttpResponse:
    url = reverse("accounts:members", args=[request.account.slug])
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


def _acted(request: AccountRequest, act: Callable[[datetime], str]) -> HttpResponse:
    """Act, and answer with the table, or without scripts with the page anew."""
    now = timezone.now()
    try:
        done = act(now)
    except Refusal as refusal:
        return _page(request, now, refusal)
    messages.success(request, done)
    if wants_fragment(request):
        return _page(request, now)
    return _to_members(request)


def _page(
    request: AccountRequest, now: datetime, refusal: Refusal | None = None
) -> HttpResponse:
    context = {
        "page": members_page(request.account, request.member, now),
        "roles": ROLES,
        "refusal": refusal,
        "crumb": "Members and roles",
    }
    return render_page(
        request,
        "accounts/members.html",
        context,
        partial="table",
        status=refusal.status if refusal else 200,
    )


def _invite_dialog(
    request: AccountRequest, form: InviteForm, status: int = 200
) -> HttpResponse:
    context = {"form": form, "roles": ROLES, "crumb": "Invite member"}
    return render_page(
        request, "accounts/invite.html", context, partial="dialog", status=status
    )


def _hand_over_dialog(
    request: AccountRequest, form: HandOverForm, status: int = 200
) -> HttpResponse:
    context = {"form": form, "crumb": "Hand over"}
    return render_page(
        request, "accounts/hand_over.html", context, partial="dialog", status=status
    )
