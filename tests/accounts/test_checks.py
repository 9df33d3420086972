"""What is half set up is said at the start."""

import pytest
from pytest_django import Settings

from accounts.checks import sms_is_whole


@pytest.mark.parametrize(
    ("url", "secret", "ids"),
    [
        ("", "", []),
        ("https://sms.example/", "", ["accounts.E002"]),
        ("https://sms.example/", "key", []),
        ("twilio://a:b@1555/1666", "", ["accounts.E003"]),
        ("twilio://a:b@1555/{to}", "", []),
    ],
)
def test_sms_is_set_up_whole_or_not_at_all(
    settings: Settings, url: str, secret: str, ids: list[str]
) -> None:
    settings.SMS_URL, settings.SMS_SECRET = url, secret

    assert [each.id for each in sms_is_whole(None)] == ids
