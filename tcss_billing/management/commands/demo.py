"""One command from a fresh clone to a console: database, data, web and worker."""

import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from accounts.models import Account
from quota.scanners import Engines
from quota.services.advising import StoredAdvisories
from tcss_billing import embedded_postgres
from tcss_billing.demo import parts, registries, seed
from tcss_billing.demo.post import PostOffice
from tcss_billing.demo.registries import DemoRegistry
from tcss_billing.demo.registry import PASSWORD
from tcss_billing.state import home

PATIENCE = 60


class Stopped(Exception):
    """Ctrl-C, or a polite request to end."""


class Command(BaseCommand):
    """Ctrl-C stops everything it started. A second start keeps the data."""

    help = "Start the console with demonstration data on this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--password", default="")

    def handle(self, *, port: int, password: str, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            connections["owner"].ensure_connection()
            with parts.server_kept():
                self._run(port, password)
        except Stopped:
            self.stdout.write("\nStopping …")
        except (
            embedded_postgres.PostgresFailed,
            embedded_postgres.PostgresMissing,
            PermissionError,
        ) as failure:
            raise CommandError(str(failure)) from failure
        finally:
            connections.close_all()
            embedded_postgres.leave(home())

    def _run(self, port: int, password: str) -> None:
        registry, post = DemoRegistry.new(), PostOffice.new()
        self._prepare(password, registry)
        connections.close_all()
        commands = (_registry(registry.port), post.command, _web(port), _worker())
        ours = {PASSWORD: registry.password, **post.environment(port)}
        with parts.running(*commands, more=ours) as processes:
            self._announce(port, processes)
            _wait(processes)

    def _prepare(self, wanted: str, registry: DemoRegistry) -> None:
        now = timezone.now()
        self._say("Bringing the database up to date …")
        call_command("provision", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        self.password = _password(wanted)
        seed.seed(
            folder=home() / "demo-images",
            password=self.password,
            scanner=Engines(StoredAdvisories()).chosen("builtin"),
            now=now,
            say=self._say,
        )
        seed.set_passwords(self.password)
        registries.fill(home() / "demo-registry")
        account = Account.objects.get(slug="halden-pay")
        registries.connect(account, registry, now)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def _announce(
        self, port: int, processes: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        url = f"http://127.0.0.1:{port}"
        _wait_for_pages([f"{url}/sign-in", f"{url}/admin/login/"], processes)
        emails = [email for email, _ in (*seed.PEOPLE, seed.STRANGER, seed.STAFF)]
        self._say(f"\nSign in with the password  {self.password}  as one of")
        for email in emails:
            self._say(f"  {email}")
        self._say(f"\nMail and SMS that it sends: {url}/admin/inbox/ (as staff)")
        self._say(f"\nReady {url}/  (Ctrl-C stops everything)")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _password(wanted: str) -> str:
    """The password of this start: as asked, as last time, or a new random one."""
    path = home() / "demo-password"
    password = wanted or (path.read_text() if path.exists() else "")
    password = password or secrets.token_urlsafe(9)
    path.touch(mode=0o600)
    path.write_text(password)
    return password


def _web(port: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn",
        "--config", "python:tcss_billing.production.gunicorn",
        "--bind", f"127.0.0.1:{port}", "--chdir", str(settings.BASE_DIR),
    ]  # fmt: skip


def _worker() -> list[str]:
    manage = Path(settings.BASE_DIR) / "manage.py"
    return [sys.executable, str(manage), "procrastinate", "worker", "-c", "4"]


def _registry(port: int) -> list[str]:
    folders = [str(home() / name) for name in ("demo-images", "demo-registry")]
    return [sys.executable, "-m", "tcss_billing.demo.registry", str(port), *folders]


def _wait_for_pages(
    urls: Sequence[str], processes: Sequence[subprocess.Popen[bytes]]
) -> None:
    deadline = time.monotonic() + PATIENCE
    for url in urls:
        while not _answers(url):
            if any(process.poll() is not None for process in processes):
                raise CommandError(
                    "A part of the demo ended at once. Is the port taken? See"
                    f" {home() / 'demo.log'}."
                )
            if time.monotonic() > deadline:
                raise CommandError(f"{url} does not answer. See {home() / 'demo.log'}.")
            time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 -- our own server
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    while all(process.poll() is None for process in processes):
        time.sleep(0.5)
    raise CommandError(f"A part of the demo ended. See {home() / 'demo.log'}.")
