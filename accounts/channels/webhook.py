"""SMS through the operator's own gateway: a signed webhook."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPException

from django.utils import timezone

from accounts.channels.port import (
    TIMEOUT,
    Deferred,
    Message,
    NotSent,
    Refused,
    Unavailable,
)

# How far a clock may be off before a signature counts as replayed.
SKEW_SECONDS = 300


def sign(body: bytes, timestamp: str, secret: str) -> str:
    """The signature of a webhook: ``v1=`` and the HMAC of its time and body."""
    signed = timestamp.encode() + b"." + body
    return f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def is_signed(
    body: bytes, timestamp: str, signature: str, *, secret: str, now: datetime
) -> bool:
    """Whether a webhook was signed with ``secret``, lately. For who receives one."""
    if not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    fresh = abs(int(timestamp) - int(now.timestamp())) <= SKEW_SECONDS
    return fresh and hmac.compare_digest(
        sign(body, timestamp, secret).encode(), signature.encode()
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the number and the text to somebody else."""

    def redirect_request(self, *args: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class SignedWebhook:
    """SMS handed to the operator's own gateway as signed JSON.

    ``POST {"id", "to", "text"}`` with ``X-Timestamp``, ``X-Signature`` and an
    ``Idempotency-Key`` that stays the same when a message is sent twice.
    """

    url: str
    secret: str
    clock: Callable[[], datetime] = timezone.now

    def send(self, message: Message) -> None:
        body = json.dumps(
            {"id": message.id, "to": message.to, "text": message.text}
        ).encode()
        timestamp = str(int(self.clock().timestamp()))
        request = urllib.request.Request(  # noqa: S310 -- the operator's address
            self.url,
            data=body,
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": message.id,
                "X-Timestamp": timestamp,
                "X-Signature": sign(body, timestamp, self.secret),
            },
        )
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=TIMEOUT):
                return
        except urllib.error.HTTPError as error:
            with error:
                raise _by_status(error.code, error.read(200)) from error
        except (OSError, HTTPException) as error:
            raise Unavailable(
                f"The SMS gateway: {error or type(error).__name__}"
            ) from error


def _by_status(status: int, body: bytes) -> NotSent:
    words = body.decode(errors="replace").strip()
    said = f"The SMS gateway answered {status} {words}".strip()
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS):
        return Deferred(said)
    return Refused(said) if 400 <= status < 500 else Unavailable(said)
