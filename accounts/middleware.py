"""What every answer carries, and what a lock that cannot be had turns into."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.db import OperationalError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.utils import timezone

from accounts.errors import Refusal, TooMany
from accounts.http import render_said
from accounts.pages import said

WORDED = {403: said.no_right, 429: said.too_many}
Answer = Callable[[HttpRequest], HttpResponse]
# lock_not_available, deadlock_detected, serialization_failure
PASSING = {"55P03", "40P01", "40001"}
SEEN_STEP = 300
TOKEN = "csrfmiddlewaretoken"  # noqa: S105 -- the name of the field
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'; report-uri /csp-reports;"
    " report-to csp"
)
# What every answer says, unless its view says otherwise. What is personal is kept by
# the browser alone, which asks before it shows it again.
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Reporting-Endpoints": 'csp="/csp-reports"',
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


class ContentPolicy:
    """A strict content policy: nothing inline, nothing from elsewhere. What a browser
    refuses by it is reported (accounts.views.csp_reports)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class BodyLimit:
    """Refuse a body longer than any form of ours before a byte of it is read (413)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length[:20]) <= _longest():
            return self.answer(request)
        words = f"This is longer than {_longest() / 1_000_000:g} MB. Send less at once."
        return render_said(request, said.refused(request, words), status=413, bare=True)


def _longest() -> int:
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


class TokenInAddress:
    """Ask again without it where a form that is only looked at took along what makes a
    press valid: addresses are kept in histories and logs."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "GET" or TOKEN not in request.GET:
            return self.answer(request)
        query = request.GET.copy()
        del query[TOKEN]
        return HttpResponseRedirect(f"?{query.urlencode()}")


class IdleSession:
    """Sign out who was away too long, or signed in too long ago; signing in again leads
    back to the same page. A page that asks by itself (app.js marks it) is no use of it.

    The session is written once in five minutes, not on every request.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now, session = int(timezone.now().timestamp()), request.session
            began, seen = session.get("began", now), session.get("seen", now)
            is_poll = "X-Poll" in request.headers
            is_away = now - seen > settings.SESSION_IDLE_MINUTES * 60
            # A session's own end moves on with every write; this one does not.
            if is_away or now - began >= settings.SESSION_COOKIE_AGE:
                logout(request)
                request.session_ended = True  # type: ignore[attr-defined]
            elif "began" not in session or (now - seen >= SEEN_STEP and not is_poll):
                session["began"], session["seen"] = began, now
        return self.answer(request)


class Maintenance:
    """Where the operator says so, every page says until when, and nothing is done."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        until = settings.MAINTENANCE_UNTIL
        if not until:
            return self.answer(request)
        words = said.back_shortly(request, until)
        response = render_said(request, words, status=503, bare=True)
        response.headers["Retry-After"] = "600"
        return response


class MethodInWords:
    """An address that was asked in a way it does not know says so in words (405)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        worded = render_said(request, said.not_this_way(request), status=405)
        worded.headers["Allow"] = response.headers["Allow"]
        return worded


class RetryOnce:
    """A lock that could not be had in time: one retry, then 503 (rules 10). A refusal
    that no view has worded gets a page of its own, never a 500.

    The view's transaction was rolled back, and every press carries a key, so trying
    again does nothing twice.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> HttpResponse | None:
        """Call the view ourselves, so that the retry is of the view alone."""
        for _ in range(2):
            try:
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                return refused(request, refusal)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in PASSING:
                    raise
        response = render_said(request, said.busy(request), status=503)
        response.headers["Retry-After"] = "2"
        return response


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The page of a refusal: its status and its sentence."""
    words = WORDED.get(refusal.status, said.refused)(request, str(refusal))
    response = render_said(request, words, status=refusal.status)
    if isinstance(refusal, TooMany):
        response.headers["Retry-After"] = str(refusal.seconds)
    return response
