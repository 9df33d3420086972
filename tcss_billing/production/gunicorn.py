"""The web server's settings: ``gunicorn -c python:tcss_billing.production.gunicorn``.

Threads, as pages wait for the database; a process a core beside them. What is set in
the environment is gunicorn's own: ``WEB_CONCURRENCY``, ``GUNICORN_CMD_ARGS``.
"""

from typing import Any

from django.conf import settings

from tcss_billing.watching import configured

wsgi_app = "tcss_billing.wsgi"
threads = 4
# Asked to stop, it takes no new request and finishes those it has.
graceful_timeout = 30
# A worker that answers nothing for this long is replaced.
timeout = 60
# Longer than a load balancer keeps a connection, so that it is never cut from here.
keepalive = 75
loglevel = "warning"


def on_starting(_server: Any) -> None:
    """Count from zero."""
    if settings.METRICS:
        configured.begin_anew()
