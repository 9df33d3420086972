"""The web application by the run's time, and a person who presses in it."""

import os
import secrets
import signal
import socket
import sys
import time

import urllib3
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception
from django.utils import timezone
from gunicorn.app.base import BaseApplication

from accounts.models import Account
from accounts.sessions import SessionStore
from tcss_billing.wsgi import application
from tests.factories import ALL, creator_of
from tests.faults.clock import Clock
from tests.faults.commands import plan
from tests.faults.ground import Ground
from tests.faults.journal import Command, Journal, Told
from tests.faults.worker import Worker, start, verdict


class Web:
    """A real gunicorn with two processes. It can be killed with all of them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.master = start(self._serve)
        self._wait()

    def kill(self) -> None:
        """Kill the master and its workers in the middle of whatever they do."""
        os.killpg(self.master, signal.SIGKILL)
        os.waitpid(self.master, 0)

    def _wait(self) -> None:
        """Until it listens: nobody is to take the beginning for an outage."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def restart(self) -> None:
        """Begin anew at the same address."""
        self.master = start(self._serve)

    def _serve(self) -> None:
        os.setsid()
        timezone.now = Clock(self.ground.clock).now
        sys.argv = ["gunicorn"]
        journal = Journal(self.ground.journals / f"web-{os.getpid()}.jsonl")

        def note(**_: object) -> None:
            """Behind every 500 there has to be an outage."""
            journal.count(*verdict(sys.exc_info()[1] or AssertionError("no error")))

        got_request_exception.connect(note)
        _Gunicorn(self.port).run()


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # it has no types
    """The server as it is, over an application that is loaded already."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__()

    def load_config(self) -> None:
        """Two processes, as a killed one must not be all there is."""
        wanted = {"bind": f"127.0.0.1:{self.port}", "workers": 2, "threads": 2,
                  "loglevel": "critical"}  # fmt: skip
        for name, value in wanted.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIHandler:
        """The application of the product."""
        return application


class Presser(Worker):
    """Presses over HTTP what it plans, and again what it was not told about."""

    port = 0

    def run(self) -> None:
        """Press, and press again."""
        signal.signal(signal.SIGTERM, self._stop)
        # Sessions end by the run's time.
        timezone.now = self.clock.now
        # Neither tries again nor follows on: both would hide what was answered.
        once = urllib3.Retry(0, raise_on_redirect=False)
        self.http = urllib3.PoolManager(retries=once, timeout=10)
        self.cookies: dict[int, str] = {}
        while not self.stopping:
            self._survive(self._press)

    def _press(self) -> None:
        account = self._account()
        command = plan("scan", self.chance, account, self.clock.now())
        if command is None:
            return
        self.journal.intend(command)
        for _ in range(1 + (self.chance.random() < 0.3)):
            self._send(account, command)

    def _send(self, account: Account, command: Command) -> None:
        began = time.monotonic()
        says, why = "broken", ""
        try:
            says, why = self._answer(account, command)
        except urllib3.exceptions.HTTPError as error:
            why = f"web: {type(error).__name__}"
            time.sleep(0.1)
        self.journal.acknowledge(Told(command, says, began, why=why))

    def _answer(self, account: Account, command: Command) -> tuple[str, str]:
        token = secrets.token_hex(16)
        fields = [("image", str(pk)) for pk in command.asked["images"]]
        fields += [("categories", name) for name in ALL]
        fields += [("scope", "selected"), ("key", command.key), ("agreed_set", "")]
        fields += [("fit", "on")] if command.asked["fit"] else []
        fields += [("csrfmiddlewaretoken", token)]
        response = self.http.request_encode_body(
            "POST",
            f"http://127.0.0.1:{self.port}/a/{account.slug}/images/local/scan",
            fields=fields,
            encode_multipart=False,
            headers={
                "Cookie": f"csrftoken={token}; sessionid={self._session(account)}"
            },
        )
        if response.status == 302:
            if "/sign-in" not in response.headers["Location"]:
                self.journal.count("scans pressed over HTTP")
                return "done", ""
            del self.cookies[account.pk]
            return "broken", "web: signed out"
        if response.status in {409, 422}:
            return "refused", f"web: {response.status}"
        return "broken", f"web: {response.status}"

    def _session(self, account: Account) -> str:
        """Signed in as the creator; time jumps sign people out."""
        if account.pk not in self.cookies:
            user = creator_of(account)
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "accounts.backends.Backend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session["seen"] = int(self.clock.now().timestamp())
            session.create()
            self.cookies[account.pk] = session.session_key or ""
        return self.cookies[account.pk]
