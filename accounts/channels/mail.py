"""Email by Django's backends."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from accounts.channels.port import Deferred, Message, NotSent, Refused, Unavailable


class Email:
    """Mail by whichever of Django's backends the settings name."""

    def send(self, message: Message) -> None:
        host = settings.SITE_URL.split("://")[-1].split("/")[0].split(":")[0]
        mail = EmailMultiAlternatives(
            message.subject,
            message.text,
            to=[message.to],
            headers={"Message-ID": f"<{message.id}@{host}>", **message.headers},
        )
        if message.html:
            mail.attach_alternative(message.html, "text/html")
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as refused:
            code, words = next(iter(refused.recipients.values()))
            raise _by_code(code, words) from refused
        except smtplib.SMTPDataError as refused:
            raise _by_code(refused.smtp_code, refused.smtp_error) from refused
        except (smtplib.SMTPException, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"The mail server: {said}") from error


def _by_code(code: int, words: bytes | str) -> NotSent:
    kind = Refused if code >= 500 else Deferred
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return kind(f"The mail server answered {code} {text}")
