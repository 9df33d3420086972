"""The demo's post office: a mail server and an SMS gateway that keep what they get.

Both listen on loopback and put everything into one folder of messages, which staff see
in the back office. The SMS gateway takes only what is signed.
"""

import json
import mailbox
import os
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from accounts.channels.webhook import is_signed
from tcss_billing.state import home

SECRET = "SMS_SECRET"  # noqa: S105 -- the name of a variable
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Where this start's servers listen, and the key of the SMS gateway."""

    smtp: int
    http: int
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> "PostOffice":
        """Two free ports and a key nobody knows, anew with every start."""
        with socket.socket() as one, socket.socket() as two:
            for each in (one, two):
                each.bind(("127.0.0.1", 0))
            ports = [int(each.getsockname()[1]) for each in (one, two)]
        return cls(ports[0], ports[1], secrets.token_urlsafe(24))

    @property
    def command(self) -> list[str]:
        """How it is started, as a child of the demo."""
        ports = [str(self.smtp), str(self.http)]
        return [sys.executable, "-m", "tcss_billing.demo.post", *ports, str(inbox())]

    def environment(self, site_port: int) -> dict[str, str]:
        """What web and worker need to know of it."""
        return {
            "SITE_URL": f"http://127.0.0.1:{site_port}",
            "EMAIL_URL": f"smtp://127.0.0.1:{self.smtp}",
            "SMS_URL": f"http://127.0.0.1:{self.http}/sms",
            SECRET: self.secret,
            "DEMO_INBOX": str(inbox()),
        }


def inbox() -> Path:
    """The folder of what arrived."""
    return home() / "demo-inbox"


class Gateway(BaseHTTPRequestHandler):
    """Takes signed SMS; ``folder`` and ``secret`` are bound when it is started."""

    folder: Path
    secret: str

    def do_POST(self) -> None:
        """Keep one SMS, or refuse it."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LARGEST))
        signed = is_signed(
            body,
            self.headers.get("X-Timestamp", ""),
            self.headers.get("X-Signature", ""),
            secret=self.secret,
            now=datetime.now(UTC),
        )
        if signed:
            keep_sms(self.folder, json.loads(body))
        self.send_response(HTTPStatus.OK if signed else HTTPStatus.FORBIDDEN)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep no log beside the inbox."""


def keep_sms(folder: Path, sms: dict[str, str]) -> None:
    """Put an SMS into the inbox, as a message without a subject."""
    message = EmailMessage()
    message["To"] = sms["to"]
    message["Date"] = format_datetime(datetime.now(UTC))
    message["X-SMS"] = sms["id"]
    message.set_content(sms["text"])
    mailbox.Maildir(folder).add(message)


def serve(smtp: int, http: int, folder: Path, secret: str) -> None:
    """Serve until the process is asked to end."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mails = Controller(Mailbox(folder), hostname="127.0.0.1", port=smtp)
    mails.start()
    bound = type("Bound", (Gateway,), {"folder": folder, "secret": secret})
    texts = ThreadingHTTPServer(("127.0.0.1", http), bound)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=texts.serve_forever, daemon=True).start()
    ended.wait()
    texts.shutdown()
    mails.stop()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), os.environ[SECRET])
