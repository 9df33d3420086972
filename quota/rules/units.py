"""Quota in whole tenths, and how people write and see it."""

import re

TENTHS = 10
MINUS = "\u2212"
_WHOLE = re.compile(r"-?([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})")


def format_quota(tenths: int) -> str:
    """Show tenths as quota, with a decimal only where there is one.

    >>> [format_quota(t) for t in (2891, 9000, 12840, -1)]
    ['289.1', '900', '1,284', '−0.1']
    """
    whole, rest = divmod(abs(tenths), TENTHS)
    text = f"{whole:,}.{rest}" if rest else f"{whole:,}"
    return f"{MINUS}{text}" if tenths < 0 else text


def format_quota_column(tenths: int) -> str:
    """Show tenths with one decimal always, for columns that add up.

    >>> format_quota_column(3960)
    '396.0'
    """
    whole, rest = divmod(abs(tenths), TENTHS)
    return f"{MINUS if tenths < 0 else ''}{whole:,}.{rest}"


def parse_quantity(text: str) -> int:
    """Read a whole number of scans as people write it. ValueError says what to enter.

    A number that is not sold, such as -300, is read: ``check_quantity`` refuses it
    with the nearest ones that are.

    >>> [parse_quantity(text) for text in ("300", " 1,200 ", "\u2212300")]
    [300, 1200, -300]
    """
    plain = text.strip().replace(MINUS, "-")
    if not _WHOLE.fullmatch(plain):
        raise ValueError("Enter a whole number of scans, such as 300.")
    return int(plain.replace(",", ""))


def parse_number(text: str) -> int:
    """Read the number of a row; 0, which no row has, if it is none.

    >>> [parse_number(text) for text in ("12", "-1", "\u00b2", "9" * 5_000, "")]
    [12, 0, 0, 0, 0]
    """
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0
