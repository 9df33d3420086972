"""Asking for a right from the page that said it is missing."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.http import AccountRequest, Right, with_account
from accounts.models import Member
from accounts.services import access


@require_POST
@with_account(Right.SEE)
def ask_access(request: AccountRequest) -> HttpResponse:
    """Ask the creator, at most once a day for each right."""
    is_new = access.ask(
        account=request.account,
        user=request.user,
        right=request.POST.get("right", ""),
        now=timezone.now(),
    )
    members = Member.objects.filter(account=request.account, is_creator=True)
    creator = members.select_related("user").get().user
    words = "was asked for access." if is_new else "was asked for access today already."
    messages.success(request, f"{creator} {words}")
    return redirect(request.account)
