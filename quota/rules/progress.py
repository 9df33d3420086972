"""How long a task still takes, judged by how long it took so far."""

from datetime import datetime, timedelta


def time_left(
    begun_at: datetime, now: datetime, ended: int, total: int
) -> timedelta | None:
    """Estimate how long the rest takes at the pace so far; None before the first ended.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    >>> time_left(noon, noon + timedelta(minutes=9), ended=56, total=96).seconds // 60
    6
    """
    if ended < 1 or now <= begun_at:
        return None
    return (now - begun_at) * (total - ended) / ended


def words(span: timedelta) -> str:
    """Say a span as people do, in its two largest units.

    >>> [words(timedelta(minutes=m)) for m in (0, 6, 74, 1_500)]
    ['less than a minute', '6 min', '1 h 14 min', '1 day 1 h']
    """
    minutes = span // timedelta(minutes=1)
    hours, days = minutes // 60, minutes // (60 * 24)
    if not minutes:
        return "less than a minute"
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    text = "1 day" if days == 1 else f"{days} days"
    return f"{text} {hours % 24} h" if hours % 24 else text
