"""A real HTTP server that speaks the Checkout calls of Stripe's API which are used."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "sk_test_of_ours"
# When all its events are made: where the tests' clock stands.
MADE = datetime(2026, 11, 24, 9, tzinfo=UTC)
WEBHOOK_SECRET = "whsec_of_ours"


class StripeServer:
    """What Stripe knows: sessions, the answers given to keys, and events."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[dict[str, list[str]], dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.versions: set[str] = set()
        self.loses_answers = False
        self.fails_with: int | None = None
        self.url = ""

    def create(self, key: str, fields: dict[str, list[str]]) -> tuple[int, Any]:
        """A session; the same key gets the same one, with other fields an error."""
        if key in self.answers:
            asked, answer = self.answers[key]
            if asked != fields:
                return 400, {"error": {"type": "idempotency_error", "message": "no"}}
            return 200, answer
        number = len(self.sessions) + 1
        session = {
            "id": f"cs_test_{number}",
            "object": "checkout.session",
            "url": f"https://checkout.stripe.example/c/pay/cs_test_{number}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "client_reference_id": fields["client_reference_id"][0],
            "amount_total": int(fields["line_items[0][price_data][unit_amount]"][0]),
            "currency": fields["line_items[0][price_data][currency]"][0],
        }
        self.sessions[str(session["id"])] = session
        self.answers[key] = (fields, session)
        return 200, session

    def pay(self, session: str = "cs_test_1", **changes: Any) -> dict[str, Any]:
        """The customer pays; returns the event that says so."""
        self.sessions[session] |= {
            "status": "complete",
            "payment_status": "paid",
            "payment_intent": f"pi_{session}",
            **changes,
        }
        return self.event("checkout.session.completed", self.sessions[session])

    def event(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        """An event about a thing as it stands now."""
        made = {
            "id": f"evt_{len(self.events) + 1}",
            "object": "event",
            "created": int(MADE.timestamp()),
            "type": kind,
            "data": {"object": dict(thing)},
        }
        self.events.append(made)
        return made

    def refund(self, amount: int, number: int = 1, **changes: Any) -> dict[str, Any]:
        """A refund made in Stripe's own console."""
        return {
            "id": f"re_{number}",
            "object": "refund",
            "amount": amount,
            "currency": "usd",
            "payment_intent": "pi_cs_test_1",
            "status": "succeeded",
            **changes,
        }

    def dispute(self, amount: int) -> dict[str, Any]:
        """A chargeback."""
        return {
            "id": "du_1",
            "object": "dispute",
            "amount": amount,
            "currency": "usd",
            "payment_intent": "pi_cs_test_1",
            "status": "needs_response",
        }

    def page_of_events(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Newest first, two at a time so that paging is walked."""
        kinds, since = set(query["types[]"]), int(query["created[gte]"][0])
        newest = [
            event
            for event in reversed(self.events)
            if event["type"] in kinds and event["created"] >= since
        ]
        if after := query.get("starting_after"):
            ids = [event["id"] for event in newest]
            newest = newest[ids.index(after[0]) + 1 :]
        return 200, {"data": newest[:2], "has_more": len(newest) > 2}


def sign(body: bytes, at: float, secret: str = WEBHOOK_SECRET) -> str:
    """The ``Stripe-Signature`` header of a body."""
    stamp = str(int(at))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={mac.hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    stripe: StripeServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        fields = parse_qs(self.rfile.read(length).decode())
        key = self.headers.get("Idempotency-Key", "")
        self._answer(lambda: self.stripe.create(key, fields))

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/v1/events":
            self._answer(lambda: self.stripe.page_of_events(parse_qs(parts.query)))
            return
        found = self.stripe.sessions.get(parts.path.rpartition("/")[2])
        missing = {"error": {"message": "No such session."}}
        self._answer(lambda: (200, found) if found else (404, missing))

    def _answer(self, act: Any) -> None:
        stripe = self.stripe
        stripe.calls.append(f"{self.command} {urlsplit(self.path).path}")
        stripe.versions.add(self.headers.get("Stripe-Version", ""))
        if self.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            self._send(401, {"error": {"message": "Invalid API key."}})
            return
        if stripe.fails_with:
            self._send(stripe.fails_with, {"error": {"message": "Broken."}})
            return
        status, data = act()
        if stripe.loses_answers:
            self.close_connection = True
            return
        self._send(status, data)

    def _send(self, status: int, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def running() -> Iterator[StripeServer]:
    """Serve on a free port of this machine."""
    stripe = StripeServer()
    handler = type("Handler", (_Handler,), {"stripe": stripe})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    stripe.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
