"""The product on the database of a benchmark's run, with an empty view beside it."""

import gc
import os

import django
from django.conf import settings

settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
settings.ROOT_URLCONF = __name__
django.setup(set_prefix=False)

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 -- after the setup
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from tcss_billing.urls import urlpatterns as product  # noqa: E402


def empty(request: HttpRequest) -> HttpResponse:
    """An empty view through the same middleware."""
    return HttpResponse("")


urlpatterns = [*product, path("empty", empty)]
application = WSGIHandler()
gc.collect()
gc.freeze()
