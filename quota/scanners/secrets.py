"""Sensitive data: patterns that are specific enough to be worth waking somebody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from quota.scanners.filesystem import File
from quota.scanners.port import Category, Finding, Severity

LARGEST = 2 * 1024**2
SHOWN = 4
# Documentation and test data of packages quote keys that are nobody's.
NOBODYS = re.compile(r"(^|/)(share/doc|share/man|tests?|testdata|__pycache__)/")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret. ``pattern``'s last group is the secret itself."""

    identifier: str
    title: str
    severity: Severity
    pattern: re.Pattern[bytes]
    hint: bytes


def _rule(
    identifier: str, title: str, severity: Severity, pattern: bytes, hint: bytes
) -> Rule:
    return Rule(identifier, title, severity, re.compile(pattern), hint)


RULES = (
    _rule(
        "aws-access-key", "AWS access key", Severity.HIGH,
        rb"(?<![A-Z0-9])((?:AKIA|ASIA)[A-Z2-7]{16})(?![A-Z0-9])", b"A",
    ),
    _rule(
        "aws-secret-key", "AWS secret key", Severity.CRITICAL,
        rb"(?i)aws_secret_access_key\s*[=:]\s*[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
        b"ecret",
    ),
    _rule(
        "private-key", "Private key", Severity.CRITICAL,
        rb"(-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----)"
        rb"(?=[\s\\nA-Za-z0-9+/=:,-]{64})",
        b"PRIVATE KEY-----",
    ),
    _rule(
        "github-token", "GitHub token", Severity.CRITICAL,
        rb"(?<![A-Za-z0-9_])(gh[pousr]_[A-Za-z0-9]{36})(?![A-Za-z0-9])", b"gh",
    ),
    _rule(
        "slack-token", "Slack token", Severity.HIGH,
        rb"(xox[abpr]-[0-9]{10,13}-[A-Za-z0-9-]{20,})", b"xox",
    ),
    _rule(
        "stripe-key", "Stripe secret key", Severity.CRITICAL,
        rb"(?<![A-Za-z0-9_])((?:sk|rk)_live_[A-Za-z0-9]{24,})", b"k_live_",
    ),
    _rule(
        "google-api-key", "Google API key", Severity.HIGH,
        rb"(?<![A-Za-z0-9_])(AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])", b"AIza",
    ),
    _rule(
        "password-in-url", "Password in an address", Severity.HIGH,
        rb"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp)://"
        rb"[^\s:/@'\"]{1,64}:([^\s/@'\"{}$<>]{6,64})@",
        b"://",
    ),
)  # fmt: skip
ENV_FILE = re.compile(r"(^|/)\.env(\.[a-z]+)?$")
ENV_SECRET = re.compile(
    rb"(?m)^[A-Z0-9_]*(?:PASSWORD|SECRET|TOKEN|API_KEY)[A-Z0-9_]*=[\"']?([^\s\"'#$]{6,})"
)


def secrets(file: File) -> Iterator[Finding]:
    """Find secrets in one file. Their value is never kept, only its beginning."""
    if file.size > LARGEST or NOBODYS.search(file.path) or b"\0" in file.content[:8192]:
        return
    for rule in RULES:
        if rule.hint in file.content and (match := rule.pattern.search(file.content)):
            yield _finding(rule.identifier, rule.title, rule.severity, match, file)
    if ENV_FILE.search(file.path) and (match := ENV_SECRET.search(file.content)):
        title = "Password in an environment file"
        yield _finding("env-secret", title, Severity.HIGH, match, file)


def masked(secret: str) -> str:
    """Show the first four characters.

    >>> masked("hunter22")
    'hunt••••'
    """
    return secret[:SHOWN] + "•" * min(8, max(0, len(secret) - SHOWN))


def _finding(
    identifier: str, title: str, severity: Severity, match: re.Match[bytes], file: File
) -> Finding:
    line = file.content.count(b"\n", 0, match.start()) + 1
    return Finding(
        category=Category.SENSITIVE_DATA,
        severity=severity,
        identifier=identifier,
        title=f"{title} in line {line}",
        path=file.path,
        layer=file.layer,
        evidence=masked(match[match.lastindex or 0].decode("latin-1")),
        source="builtin rules",
        advice=(
            f"Revoke it and issue a new one, then remove {file.path} from layer"
            f" {file.layer}: deleting it in a later layer leaves it readable."
        ),
    )
