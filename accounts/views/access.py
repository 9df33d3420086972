"""Asking for a right from the page that said it is missing."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.http import AccountRequest, Right, names_with, with_account
from accounts.services import access
from accounts.words import asked


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
    creator = names_with(request.account, Right.MEMBERS)
    messages.success(request, asked(creator, "access", is_new=is_new))
    return redirect(request.account)
