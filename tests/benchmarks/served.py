"""The product behind its own server, and one browser that asks it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client

PATIENCE = 30


class Visitor:
    """One signed-in browser that keeps its connection to the server."""

    def __init__(self, port: int, client: Client) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        cookies = client.cookies.output([], header="", sep=";").strip()
        self._headers = {"Cookie": cookies}

    def get(self, url: str, *, fragment: bool = False) -> str:
        """Fetch a page, or the part of it that htmx is given. Refuses another answer
        than 200, or 422 for a form that lacks something."""
        htmx = {"HX-Request": "true"} if fragment else {}
        self._connection.request("GET", url, headers={**self._headers, **htmx})
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in {200, 422}:
            raise AssertionError(f"{url} answered {response.status}")
        is_text = response.headers.get_content_maintype() == "text"
        return content.decode() if is_text else ""

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


@contextmanager
def visiting(client: Client) -> Iterator[Visitor]:
    """Serve the product, and visit it as the user who is signed in to ``client``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with _served(port):
        visitor = Visitor(port, client)
        try:
            yield visitor
        finally:
            visitor.close()


@contextmanager
def _served(port: int) -> Iterator[None]:
    """Run the server as the demo does, with one worker of four threads."""
    command = [
        sys.executable, "-m", "gunicorn", "tests.benchmarks.application",
        "--threads", "4", "--bind", f"127.0.0.1:{port}", "--log-level", "warning",
    ]  # fmt: skip
    name = str(connection.settings_dict["NAME"])
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tcss_billing.settings",
        "BENCH_DATABASE": name,
    }
    root = Path(settings.BASE_DIR)
    with subprocess.Popen(command, cwd=root, env=environment) as process:
        try:
            _wait(port)
            yield
        finally:
            process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
