"""The log: lines for people, or JSON for machines, and no secret in either."""

import logging
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

from tcss_billing.watching.requests import about

GONE = "[redacted]"
SHORTEST = 6
# What is a secret wherever it comes from: in an address, a header, or a pair.
PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), kept)
    for pattern, kept in (
        (r"\b(bearer|basic)\s+[\w+/=.~-]{8,}", r"\1 " + GONE),
        (r"(://[^/\s:@]*:)[^@\s/]+@", r"\1" + GONE + "@"),
        (r"\b(sk|rk)_(live|test)_\w+|\bwhsec_\w+", GONE),
        (r"(/(?:invite|confirm|sign-up)/|/set-password/[^/\s]+/)[\w:=.~-]+",
         r"\1" + GONE),
        (r"((?:password|passwd|secret|token|api[-_]?key|authorization|cookie|"
         r"sessionid|csrftoken)[\\\"']*\s*[=:]\s*[\\\"']*)(?!\[redacted)[^\s\"'\\&,;}]+",
         r"\1" + GONE),
    )
)  # fmt: skip


def redact(text: str) -> str:
    """Take out every secret of the settings, and what has the form of one."""
    for secret in _secrets():
        text = text.replace(secret, GONE)
    for pattern, kept in PATTERNS:
        text = pattern.sub(kept, text)
    return text


def _secrets() -> Iterator[str]:
    """The settings that nobody may read, long enough not to be a word."""
    found = [
        settings.SECRET_KEY,
        *settings.CREDENTIAL_KEYS,
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_WEBHOOK_SECRET,
        settings.SMS_SECRET,
        settings.METRICS_TOKEN,
        settings.EMAIL_HOST_PASSWORD,
        *settings.HARBOR_SCANNER_HEADERS.values(),
        *(database.get("PASSWORD", "") for database in settings.DATABASES.values()),
    ]
    return (secret for secret in found if secret and len(secret) >= SHORTEST)


class Plain(logging.Formatter):
    """One line a record, with the request's name where there is one."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        request = about(record).get("request_id")
        named = f" [{request}]" if request else ""
        return redact(super().format(record) + named)


class Json(JsonFormatter):
    """One object a record: what was said, and of which request."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            json_ensure_ascii=False,
            json_default=str,
        )

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """The record's own fields, and the request's."""
        super().add_fields(log_data, record, message_dict)
        # Django hands the request itself along, which no log can hold.
        log_data.pop("request", None)
        log_data.update(about(record))

    def format(self, record: logging.LogRecord) -> str:
        """The object, without secrets."""
        return redact(super().format(record))
