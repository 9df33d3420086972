"""Anchors and zones where calendars go wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Asia/Singapore",
            "Europe/Berlin",
            "America/New_York",
            "America/Sao_Paulo",  # its gaps began at midnight
            "Australia/Lord_Howe",  # moves by half an hour
            "Pacific/Apia",  # skipped a whole day
        )
    ]
)

_ANY = st.datetimes(
    datetime(2008, 1, 1),  # noqa: DTZ001 -- st.datetimes wants naive bounds
    datetime(2034, 12, 31),  # noqa: DTZ001 -- as above
    timezones=st.just(UTC),
)
_MONTH_ENDS = st.builds(
    lambda year, month, back, clock: (
        datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        - timedelta(days=back)
        + clock
    ),
    st.integers(2008, 2033),
    st.integers(0, 11),
    st.integers(0, 5),
    st.timedeltas(timedelta(0), timedelta(hours=24) - timedelta(microseconds=1)),
)
ANCHORS = _ANY | _MONTH_ENDS
