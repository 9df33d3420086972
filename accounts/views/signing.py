"""Signing in and out, and the way to an account."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import (
    LoginView,
    LogoutView,
    PasswordResetConfirmView,
)
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import second_step
from accounts.errors import Refusal, TooMany
from accounts.forms.second_factor import TypedCodeForm
from accounts.forms.signing import EmailForm, ResetForm, SignInForm, SignUpForm
from accounts.http import address_of
from accounts.models import User
from accounts.services import letters, people, second_factor, throttling

form_page = require_http_methods(["GET", "HEAD", "POST"])


class SignIn(LoginView):
    """A plain form; only local addresses are returned to."""

    template_name = "registration/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    extra_context = {
        "sign_up": settings.SIGN_UP,
        "idle": settings.SESSION_IDLE_MINUTES,
        "hours": settings.SESSION_COOKIE_AGE // 3600,
        "support": settings.SUPPORT_EMAIL,
    }

    def get_success_url(self) -> str:
        """Where to go on; a bare word is no address of ours."""
        to = super().get_success_url()
        return to if to.startswith("/") else self.get_default_redirect_url()

    def form_valid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        """Signed in, or asked for a code first."""
        user, to = form.get_user(), self.get_success_url()
        return redirect(second_step.sign_in(self.request, user, to, timezone.now()))

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        """Refused: the email stays, the password does not."""
        response = render(
            self.request,
            self.template_name,
            self.get_context_data(form=form),
            status=429 if form.paused else 422,
        )
        if form.paused:
            response.headers["Retry-After"] = str(form.paused.seconds)
        return response


class SignOut(LogoutView):
    """POST only, as Django has it."""

    next_page = "accounts:sign-in"


@form_page
@never_cache
def staff_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The back office's door is the same one, with the same pause. Who is signed in and
    still comes here lacks the second factor that staff need."""
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied("The back office is for staff.")
    if request.user.is_authenticated and not second_step.is_enough(request):
        messages.info(request, "The back office asks for a second factor. Set it up.")
        return redirect("accounts:second-factor")
    return SignIn.as_view()(request)


@form_page
@never_cache
def second(request: HttpRequest) -> HttpResponse:
    """The second step of signing in: a code of the app, or a recovery code."""
    now = timezone.now()
    user = second_step.waiting(request, now)
    if user is None:
        return redirect("accounts:sign-in")
    form = TypedCodeForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            second_factor.check(user=user, typed=form.cleaned_data["code"], now=now)
        except Refusal as refusal:
            form.add_error("code", str(refusal))
            status = refusal.status
        else:
            return redirect(second_step.finish(request, user))
    context = {"form": form, "support": settings.SUPPORT_EMAIL}
    return render(request, "registration/second_step.html", context, status=status)


@form_page
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link to a new password; the answer is the same for every address."""
    return _ask_for_mail(request, letters.owe_password_reset, "forgot_password")


@form_page
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for a link by which an account is opened, where the operator allows it."""
    if not settings.SIGN_UP:
        raise Http404("Accounts are opened by staff.")
    return _ask_for_mail(request, letters.owe_sign_up, "sign_up")


def _ask_for_mail(request: HttpRequest, owe: Any, name: str) -> HttpResponse:
    template = f"registration/{name}.html"
    if request.method != "POST":
        return render(request, template, {"form": EmailForm()})
    form = EmailForm(request.POST)
    if not form.is_valid():
        return render(request, template, {"form": form}, status=422)
    now = timezone.now()
    try:
        throttling.take(
            f"{name}::{address_of(request)}", limit=30, per=letters.HOUR, now=now
        )
        owe(email=form.cleaned_data["email"], now=now)
    except TooMany as refusal:
        form.add_error("email", str(refusal))
        response = render(request, template, {"form": form}, status=429)
        response.headers["Retry-After"] = str(refusal.seconds)
        return response
    context = {"form": form, "sent_to": form.cleaned_data["email"]}
    return render(request, template, context)


class SetPassword(PasswordResetConfirmView):
    """Django's reset link, which works once and for an hour; then one is signed in."""

    template_name = "registration/set_password.html"
    form_class = ResetForm  # type: ignore[assignment]

    def form_valid(self, form: ResetForm) -> HttpResponse:  # type: ignore[override]
        """Set it, and sign in."""
        people.set_password(
            user=form.user,
            password=form.cleaned_data["password"],
            now=timezone.now(),
            by_mail=True,
        )
        self.request.session.pop("_password_reset_token", None)
        to = second_step.sign_in(self.request, form.user, "/", timezone.now())
        return redirect(to)

    def form_invalid(self, form: ResetForm) -> HttpResponse:  # type: ignore[override]
        """Refused, with the reason at the field."""
        context = self.get_context_data(form=form)
        return render(self.request, self.template_name, context, status=422)


@form_page
@never_cache
def open_account(request: HttpRequest, token: str) -> HttpResponse:
    """Open an account: the link has proved the address."""
    email = letters.sign_up_email(token) if settings.SIGN_UP else None
    template = "registration/open_account.html"
    if email is None or User.objects.filter(email=email).exists():
        return render(request, template, {"gone": True}, status=409)
    form = SignUpForm(request.POST if request.method == "POST" else None, email=email)
    if not form.is_valid():
        context = {"form": form, "email": email}
        status = 422 if form.is_bound else 200
        return render(request, template, context, status=status)
    try:
        user, account = people.sign_up(
            email=email, now=timezone.now(), **form.cleaned_data
        )
    except Refusal:
        return render(request, template, {"gone": True}, status=409)
    login(request, user)
    return redirect(account)
