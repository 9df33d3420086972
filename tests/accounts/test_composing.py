"""Every kind of notice has its words, and they use the keys that are written down."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import resolve

from accounts import wording
from accounts.channels.port import Message
from accounts.models import Notice
from accounts.notice_kinds import KINDS, check_keys
from accounts.services import composing
from tests.accounts.words import SAMPLES

FOLDER = Path(settings.BASE_DIR) / "templates" / "notices"
ADDED = {"account", "person", "link", "action", "settings_link", "subject"}
PRINTED = re.compile(r"\{[{%]\s*(?:if\s+)?(\w+)")
TAGS = {"extends", "block", "endblock", "elif", "else", "endif", "if"}


def compose(kind: str, channel: str) -> Message:
    return composing.message(
        "notice-1.0",
        to="mei@example.com",
        template=kind,
        channel=channel,
        context={
            **SAMPLES[kind],
            "account": "Halden Pay",
            "person": "Mei Tanaka",
            "link": "https://scan.example/a/halden-pay/subscription",
            "action": "Renew",
            "settings_link": "https://scan.example/a/halden-pay/notices/settings",
        },
    )


def test_the_list_of_kinds_is_whole() -> None:
    assert set(KINDS) == set(Notice.Kind) == set(SAMPLES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_templates_of_a_kind_use_the_keys_written_down_and_all_of_them(
    kind: str,
) -> None:
    used: set[str] = set()
    for path in FOLDER.glob(f"{kind}.*"):
        used |= set(PRINTED.findall(path.read_text())) - TAGS

    assert used - ADDED == KINDS[kind].keys == set(SAMPLES[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_says_it_in_text_and_html_and_leads_to_the_page_that_helps(
    kind: str,
) -> None:
    mail = compose(kind, "email")

    assert "\n" not in mail.subject
    assert mail.subject
    assert "{{" not in mail.text + mail.html
    assert "/a/halden-pay/subscription" in mail.text
    assert mail.text.count("\n\n\n") == 0
    assert mail.html.count('class="go"') == 1
    assert wording.draw(f"{kind}.line.txt", SAMPLES[kind])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].by_sms])
def test_an_sms_says_who_what_and_where(kind: str) -> None:
    sms = compose(kind, "sms")

    assert sms.text.startswith("Halden Pay: ")
    assert sms.text.endswith("/a/halden-pay/subscription")
    assert len(sms.text) <= 306


def test_nobody_may_queue_a_notice_with_a_gap() -> None:
    with pytest.raises(ValueError, match="order_paid needs amount, what"):
        check_keys("order_paid", {"order"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_leads_to_a_page(kind: str) -> None:
    path = KINDS[kind].path("halden-pay", SAMPLES[kind])

    assert resolve(path.partition("?")[0])
