"""What requests took, added up over all processes of one web server."""

import os

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from tcss_billing.watching.configured import FILES

# A method is whatever a client sends: every other one must not be a figure of its own.
METHODS = {"GET", "HEAD", "POST", "OPTIONS"}
OWN = CollectorRegistry()
REQUESTS = Histogram(
    "tcss_request_seconds", "What requests took.", ("route", "method", "status"),
    registry=OWN,
)  # fmt: skip
QUERIES = Counter("tcss_queries", "Statements sent.", ("route",), registry=OWN)
QUERY_SECONDS = Counter(
    "tcss_query_seconds", "What statements took.", ("route",), registry=OWN
)


def note_request(
    *, route: str, method: str, status: int, seconds: float, queries: int,
    query_seconds: float,
) -> None:  # fmt: skip
    """Keep what one request took, where figures are wanted."""
    if not settings.METRICS:
        return
    method = method if method in METHODS else "other"
    REQUESTS.labels(route, method, str(status)).observe(seconds)
    QUERIES.labels(route).inc(queries)
    QUERY_SECONDS.labels(route).inc(query_seconds)


def registry() -> CollectorRegistry:
    """What was counted: by all processes that share a folder, else by this one."""
    if FILES not in os.environ:
        return OWN
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
