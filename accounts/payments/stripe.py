"""Stripe's hosted Checkout: three calls and signed events.

Their own library is 17 MB for these three calls; urllib3 is half a megabyte. The
customer pays on Stripe's page, so no script of theirs is ever on ours.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from accounts.payments.minor_units import from_minor, to_minor
from accounts.payments.port import (
    Asked,
    Effect,
    Event,
    ForgedEvent,
    Found,
    PaymentRefused,
    PaymentUnavailable,
    Standing,
    Started,
)

logger = logging.getLogger(__name__)

VERSION = "2025-03-31.basil"
TOLERANCE_SECONDS = 300
TIMEOUT = urllib3.Timeout(connect=5, read=20)
PAGE = 100
SESSION_EFFECTS = {
    "checkout.session.completed": Effect.PAID,
    "checkout.session.async_payment_succeeded": Effect.PAID,
    "checkout.session.async_payment_failed": Effect.FAILED,
    "checkout.session.expired": Effect.EXPIRED,
}
REFUND_EVENTS = (
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
)
DISPUTE_EFFECTS = {
    "charge.dispute.funds_withdrawn": Effect.TAKE,
    "charge.dispute.funds_reinstated": Effect.RETURN,
}
LISTENED_TO = (*SESSION_EFFECTS, *REFUND_EVENTS, *DISPUTE_EFFECTS)


class StripeGateway:
    """``secret_key`` signs our calls, ``webhook_secret`` their events."""

    def __init__(self, *, secret_key: str, webhook_secret: str, url: str) -> None:
        self.secret_key = secret_key
        self.webhook_secret = webhook_secret
        self.url = url.rstrip("/")
        self.pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def start(self, asked: Asked) -> Started:
        """Create a Checkout session; Stripe answers the same key with the same one."""
        fields = {
            "mode": "payment",
            "client_reference_id": asked.name,
            "customer_email": asked.email,
            "success_url": asked.done_url,
            "cancel_url": asked.back_url,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": asked.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(
                to_minor(asked.amount, asked.currency)
            ),
            "line_items[0][price_data][product_data][name]": asked.description,
            "payment_intent_data[metadata][top_up]": asked.name,
        }
        session = self._call("POST", "/v1/checkout/sessions", fields, key=asked.key)
        return Started(session=session["id"], page=session["url"])

    def find(self, session: str) -> Found | None:
        """Retrieve a session: paid, still open, or expired."""
        return _found(self._call("GET", f"/v1/checkout/sessions/{quote(session)}"))

    def missed_events(self, since: datetime) -> Sequence[Event]:
        """Events whose delivery failed, oldest first."""
        query = [
            ("delivery_success", "false"),
            ("created[gte]", str(int(since.timestamp()))),
            ("limit", str(PAGE)),
            *(("types[]", kind) for kind in LISTENED_TO),
        ]
        found: list[dict[str, Any]] = []
        after: list[tuple[str, str]] = []
        more = True
        while more:
            page = self._call("GET", f"/v1/events?{urlencode([*query, *after])}")
            found += page["data"]
            more = bool(page["has_more"] and page["data"])
            after = [("starting_after", found[-1]["id"])] if more else []
        return [_event(each) for each in reversed(found)]

    def read_event(
        self, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> Event:
        """Check ``Stripe-Signature`` in constant time and read the event."""
        self._check(body, headers.get("Stripe-Signature", ""), now)
        try:
            return _event(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ForgedEvent("The event cannot be read.") from error

    def _check(self, body: bytes, header: str, now: datetime) -> None:
        parts = [part.strip().partition("=") for part in header.split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if not self.webhook_secret:
            raise ForgedEvent("There is no secret to check events with.")
        if not stamps or not stamps[0].isdecimal() or len(stamps[0]) > 12:
            raise ForgedEvent("The event is not signed.")
        if abs(now.timestamp() - int(stamps[0])) > TOLERANCE_SECONDS:
            raise ForgedEvent("The event was signed too long ago.")
        signed = stamps[0].encode() + b"." + body
        mac = hmac.new(self.webhook_secret.encode(), signed, hashlib.sha256)
        ours = mac.hexdigest().encode()
        # Two signatures are sent while a secret is being replaced.
        theirs = [value.encode() for name, _, value in parts if name == "v1"]
        if not any([hmac.compare_digest(ours, each) for each in theirs]):  # noqa: C419 -- every one is compared, whichever matches
            raise ForgedEvent("The event is not signed by Stripe.")

    def _call(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        key: object = None,
    ) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self.secret_key}",
            "Stripe-Version": VERSION,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if key:
            headers["Idempotency-Key"] = str(key)
        body = urlencode(fields) if fields else None
        try:
            answer = self.pool.request(
                method, self.url + path, body=body, headers=headers, redirect=False
            )
            data: dict[str, Any] = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise PaymentUnavailable from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            _refuse(answer.status, data)
        return data


def _refuse(status: int, data: Mapping[str, Any]) -> None:
    """A conflict, a rate limit and a failure of theirs pass; the rest is an answer."""
    passing = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
    error = data.get("error")
    words = error.get("message") if isinstance(error, dict) else error
    logger.error("Stripe answered %s: %s", status, words)
    if status in passing or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PaymentUnavailable
    raise PaymentRefused


def _found(session: Mapping[str, Any]) -> Found:
    currency = str(session.get("currency") or "").upper()
    standing = Standing.OPEN
    if session["payment_status"] == "paid":
        standing = Standing.PAID
    elif session["status"] == "expired":
        standing = Standing.EXPIRED
    return Found(
        standing=standing,
        session=session["id"],
        payment=session.get("payment_intent") or "",
        amount=from_minor(session.get("amount_total") or 0, currency),
        currency=currency,
    )


def _event(data: Mapping[str, Any]) -> Event:
    kind, thing = str(data["type"]), data["data"]["object"]
    if kind in SESSION_EFFECTS:
        return _session_event(data, thing)
    effect = DISPUTE_EFFECTS.get(kind, Effect.NONE)
    if kind in REFUND_EVENTS:
        gone = thing.get("status") in ("failed", "canceled")
        effect = Effect.RETURN if gone else Effect.TAKE
    currency = str(thing.get("currency") or "").upper()
    return Event(
        id=data["id"],
        kind=kind,
        effect=effect,
        thing=str(thing.get("id") or ""),
        payment=str(thing.get("payment_intent") or ""),
        amount=from_minor(thing.get("amount") or 0, currency),
        currency=currency,
    )


def _session_event(data: Mapping[str, Any], session: Mapping[str, Any]) -> Event:
    found, effect = _found(session), SESSION_EFFECTS[data["type"]]
    # A method that pays later completes its session first: not money yet.
    if effect is Effect.PAID and found.standing is not Standing.PAID:
        effect = Effect.NONE
    return Event(
        id=data["id"],
        kind=data["type"],
        effect=effect,
        thing=found.session,
        name=session.get("client_reference_id") or "",
        session=found.session,
        payment=found.payment,
        amount=found.amount,
        currency=found.currency,
    )
