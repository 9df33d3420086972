"""Quota in whole tenths, and how people see it."""

TENTHS = 10
MINUS = "\u2212"


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
