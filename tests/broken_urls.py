"""The product's addresses, and some behind which something is wrong."""

from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST
from psycopg.errors import LockNotAvailable

from accounts.errors import KeyReused, TooMany
from tcss_billing.urls import handler403, handler404, handler500, urlpatterns

__all__ = ["handler403", "handler404", "handler500", "urlpatterns"]


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("Something that nobody thought of.")


def too_many(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    raise TooMany(until=now + timedelta(seconds=20), now=now)


def refused(request: HttpRequest) -> HttpResponse:
    raise KeyReused


def locked(request: HttpRequest) -> HttpResponse:
    raise OperationalError("canceling statement") from LockNotAvailable()


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Buying needs a right that you do not have.")


@require_POST
def pressed(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    *urlpatterns,
    path("broken", broken),
    path("too-many", too_many),
    path("refused", refused),
    path("locked", locked),
    path("forbidden", forbidden),
    path("pressed", pressed),
]
