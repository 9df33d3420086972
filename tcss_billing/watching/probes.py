"""Whether this process lives, whether it can charge, and its figures.

Probes come by address rather than by name and without a session, so they are answered
before anything that asks for either.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from procrastinate.exceptions import ProcrastinateException
from prometheus_client import CONTENT_TYPE_LATEST

from accounts.errors import Refusal
from quota.services import canary
from tcss_billing.watching import metrics

logger = logging.getLogger(__name__)
Answer = Callable[[HttpRequest], HttpResponse]
# However many ask: one canary in this time in each process.
KEPT_SECONDS = 2.0
LOOPBACK = {"127.0.0.1", "::1"}
FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")


class Probes:
    """Answers ``/healthz``, ``/readyz`` and ``/metrics``; passes on the rest."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.lock = threading.Lock()
        self.looked_at = float("-inf")
        self.trouble = ""
        self.probes = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = self.probes.get(request.path_info)
        if probe is None or request.method not in {"GET", "HEAD"}:
            return self.answer(request)
        response = probe(request)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _health(self, _: HttpRequest) -> HttpResponse:
        """The process answers: it need not be started again. No database."""
        return _plain("alive")

    def _readiness(self, _: HttpRequest) -> HttpResponse:
        """A customer's charge would go through; 503 with the reason if not."""
        if settings.MAINTENANCE_UNTIL:
            return _plain(f"maintenance until {settings.MAINTENANCE_UNTIL}", 503)
        with self.lock:
            if time.monotonic() - self.looked_at >= KEPT_SECONDS:
                self.trouble = _trouble()
                self.looked_at = time.monotonic()
            trouble = self.trouble
        return _plain(trouble, 503) if trouble else _plain("ready")

    def _metrics(self, request: HttpRequest) -> HttpResponse:
        if not settings.METRICS or not _may_read(request):
            return self.answer(request)
        figures = metrics.scrape(timezone.now())
        return HttpResponse(figures, content_type=CONTENT_TYPE_LATEST)


def _trouble() -> str:
    """What stops a charge, in a word that tells a stranger nothing; the log has all."""
    try:
        canary.charge(now=timezone.now())
    except (Error, ProcrastinateException, Refusal) as error:
        logger.exception("Not ready: no charge goes through.")
        state = getattr(error.__cause__, "sqlstate", None)
        return f"not ready: {type(error).__name__} {state or ''}".strip()
    return ""


def _may_read(request: HttpRequest) -> bool:
    """Who has the token; without one set, this very machine, and nobody through a
    proxy on it."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {settings.METRICS_TOKEN}"
        return hmac.compare_digest(given.encode(), wanted.encode())
    is_passed_on = any(name in request.headers for name in FORWARDED)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not is_passed_on


def _plain(words: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{words}\n", content_type="text/plain", status=status)
