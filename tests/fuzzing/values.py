"""One value of each kind that no form expects."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

# What a page must not echo as it came.
MARK = "<i\x22'zq>"
Value = str | bytes
Data = Mapping[str, Sequence[Value]]

KINDS: dict[str, Sequence[Value]] = {
    "missing": [],
    "nothing": [""],
    "blank": [" "],
    "NUL": ["a\0b"],
    "not UTF-8, and a lone surrogate": [b"\xff\xfe\xc3\xed\xa0\x80"],
    "control characters": ["\x01\x02\x1b[2J\x7f\x85\u202e"],
    "line breaks": ["a\r\nX-Other: b"],
    "zero": ["0"],
    "one": ["1"],
    "below zero": ["-1"],
    "part of one": ["1.005"],
    "an exponent": ["1e999"],
    "not a number": ["NaN"],
    "endless": ["Infinity"],
    "more than an integer column": [str(2**31)],
    "more than any column": [str(2**63)],
    "more than Python reads": ["9" * 5_000],
    "digits of another script": ["٣٠٠"],
    "a digit that is none": ["²"],
    "no date": ["2026-13-45"],
    "the first date": ["0001-01-01"],
    "the last date": ["9999-12-31"],
    "no time": ["24:60"],
    "a UUID": ["00000000-0000-0000-0000-000000000000"],
    "an image ID": ["sha256:" + "0" * 64],
    "very long": ["é" * 2_500],
    "markup": [f"{MARK}<script>alert(1)</script>"],
    "a number with markup": [f"1{MARK}"],
    "a scheme": ["javascript:alert(1)"],
    "another host": ["//evil.example/"],
    "another host by a backslash": ["/\\evil.example/"],
    "another site": ["https://evil.example/"],
    "a path": ["../../etc/passwd%00%2e%2e"],
    "what other languages read": ["%s%(x)s{0}{{7*7}}%_\\([*' OR 1=1 --"],
    "JSON": ['{"a": [null, true]}'],
    "twice": ["1", f"x{MARK}"],
}  # fmt: skip


def encoded(data: Data) -> str:
    """As a browser sends it, and what none would send."""
    return "&".join(
        f"{_quoted(name)}={_quoted(value)}"
        for name, values in data.items()
        for value in values
    )


def _quoted(value: Value) -> str:
    text = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return quote_plus(text)
