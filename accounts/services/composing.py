"""Putting a notice into words, for the person and the channel it is owed to."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string

from accounts.channels.port import Message
from accounts.models import Member, Notice, User
from accounts.notice_kinds import KINDS
from accounts.services.delivering import Skip
from accounts.wording import draw, title

EMAIL = Notice.Channel.EMAIL
OFF = "Turned off in the settings of notices."


def compose(notice: Notice, now: datetime) -> Message:
    """The message of a notice. Raises Skip where it has nobody to go to."""
    person = User.objects.get(pk=notice.user_id)
    member = Member.objects.filter(account=notice.account_id, user=person).first()
    if member is None or not person.is_active:
        raise Skip("No longer a member of the account.")
    if notice.channel == EMAIL and notice.kind in member.quiet:
        raise Skip(OFF)
    to = address(person, notice.channel)
    words = KINDS[notice.kind]
    page = f"{settings.SITE_URL}/a/{notice.account.slug}"
    context = {
        **notice.context,
        "account": notice.account.name,
        "person": person.name,
        "link": settings.SITE_URL + words.path(notice.account.slug, notice.context),
        "action": words.offer(notice.context),
        "settings_link": f"{page}/notices/settings",
    }
    return message(
        f"notice-{notice.pk}.{notice.resends}",
        to=to,
        template=notice.kind,
        channel=notice.channel,
        context=context,
    )


def address(person: User, channel: str) -> str:
    """Where to reach a person. Raises Skip where nothing was verified."""
    if channel == EMAIL:
        if person.email_verified_at is None:
            raise Skip("No verified email address.")
        return person.email
    if not person.phone:
        raise Skip("No verified mobile number.")
    return person.phone


def message(
    id: str,  # noqa: A002 -- the message's own word
    *,
    to: str,
    template: str,
    channel: str,
    context: Mapping[str, object],
) -> Message:
    """Draw the templates of one message. Subjects are one line, whatever names hold."""
    if channel != EMAIL:
        line = draw(f"{template}.sms.txt", context)
        link = context.get("link", "")
        return Message(id, to, "", f"{line} {link}".strip())
    subject = title(template, context)
    drawn = {**context, "subject": subject}
    settings_link = context.get("settings_link")
    headers = {"Auto-Submitted": "auto-generated"}
    if settings_link:
        headers["List-Unsubscribe"] = f"<{settings_link}>"
        headers["List-Id"] = f"Image Scan notices <{_host('notices')}>"
    return Message(
        id,
        to,
        subject,
        text=draw(f"{template}.txt", drawn) + "\n",
        html=render_to_string(f"notices/{template}.html", drawn),
        headers=headers,
    )


def _host(prefix: str) -> str:
    host = settings.SITE_URL.split("://")[-1].split("/")[0].split(":")[0]
    return f"{prefix}.{host}"
