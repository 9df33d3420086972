"""The demo's inbox in the back office: what was sent by email and SMS, to read."""

import email
import email.policy
import mailbox
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.clickjacking import xframe_options_sameorigin

MOST = 200
# A mail brings its own style and nothing else; its links open the whole window.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self';"
    " sandbox allow-top-navigation-by-user-activation"
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message of the inbox."""

    key: str
    is_sms: bool
    to: str
    subject: str
    when: datetime | None
    text: str
    html: str


def _box() -> mailbox.Maildir:
    if not settings.DEMO_INBOX:
        raise Http404("Only the demo has an inbox.")
    return mailbox.Maildir(settings.DEMO_INBOX)


def _read(box: mailbox.Maildir, key: str) -> Arrived:
    found = email.message_from_bytes(box.get_bytes(key), policy=email.policy.default)
    if not isinstance(found, EmailMessage):
        raise TypeError("The default policy makes no other messages.")
    plain, html = found.get_body(("plain",)), found.get_body(("html",))
    return Arrived(
        key=key,
        is_sms="X-SMS" in found,
        to=str(found["To"]),
        subject=str(found["Subject"] or ""),
        when=parsedate_to_datetime(str(found["Date"])) if found["Date"] else None,
        text=plain.get_content() if plain else "",
        html=html.get_content() if html else "",
    )


def arrived(request: HttpRequest) -> HttpResponse:
    """The newest messages."""
    box = _box()
    messages = [_read(box, key) for key in box.keys()]  # noqa: SIM118 -- not a dict
    newest = sorted(messages, key=lambda each: (str(each.when), each.key), reverse=True)
    context = {**admin.site.each_context(request), "messages_in": newest[:MOST]}
    title = {"title": "Mail and SMS of the demo"}
    return TemplateResponse(request, "admin/inbox.html", context | title)


def one(request: HttpRequest, key: str) -> HttpResponse:
    """One message."""
    context = {"arrived": _find(key), "title": "Message"}
    context |= admin.site.each_context(request)
    return TemplateResponse(request, "admin/inbox_message.html", context)


@xframe_options_sameorigin
def html(request: HttpRequest, key: str) -> HttpResponse:
    """A mail's own page, in a frame that can do nothing."""
    drawn = _find(key).html.replace("<head>", '<head><base target="_top">', 1)
    response = HttpResponse(drawn)
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def _find(key: str) -> Arrived:
    box = _box()
    if key not in box:
        raise Http404("There is no such message.")
    return _read(box, key)


urlpatterns = [
    path("", admin.site.admin_view(arrived), name="demo-inbox"),
    path("<str:key>", admin.site.admin_view(one), name="demo-message"),
    path("<str:key>/html", admin.site.admin_view(html), name="demo-message-html"),
]
