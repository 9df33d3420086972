"""Signing in and out, and the way to an account."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.http import require_GET

from accounts.forms import SignInForm
from accounts.models import Member


class SignIn(LoginView):
    """A plain form; only local addresses are returned to."""

    template_name = "registration/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        """Refused: the email stays, the password does not."""
        return render(
            self.request,
            self.template_name,
            self.get_context_data(form=form),
            status=422,
        )


class SignOut(LogoutView):
    """POST only, as Django has it."""

    next_page = "accounts:sign-in"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the only account, to a choice of accounts, or staff to the admin."""
    if not request.user.is_authenticated:
        return redirect(resolve_url("accounts:sign-in"))
    members = Member.objects.filter(user=request.user.pk).select_related("account")
    accounts = [member.account for member in members.order_by("account__name")]
    if len(accounts) == 1:
        return redirect(accounts[0])
    if not accounts and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "accounts/choose.html", {"accounts": accounts})
