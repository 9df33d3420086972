"""What the page of the second factor shows."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import segno
from django.utils.safestring import SafeString, mark_safe

from accounts.models import SecondFactor, User

ISSUER = "Image Scan"


@dataclass(frozen=True, slots=True)
class SecondFactorPage:
    """Whether it is on, how many recovery codes are left, or what to show an app."""

    on_since: datetime | None = None
    codes_left: int = 0
    picture: SafeString | None = None
    secret: str = ""
    link: str = ""


def second_factor_page(user: User) -> SecondFactorPage:
    """The state of this person's second factor, in two queries."""
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is None:
        return SecondFactorPage()
    if factor.confirmed_at:
        left = factor.recovery_codes.filter(used_at=None).count()
        return SecondFactorPage(factor.confirmed_at, left)
    secret = factor.secret.reveal()
    link = _link(user, secret)
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return SecondFactorPage(picture=_picture(link), secret=spaced, link=link)


def is_on(user: User) -> bool:
    """Whether a code is asked for at sign-in."""
    factors = SecondFactor.objects.filter(user=user, confirmed_at__isnull=False)
    return factors.exists()


def _link(user: User, secret: str) -> str:
    """What authenticator apps understand."""
    label = quote(f"{ISSUER}:{user.email}")
    query = urlencode({"secret": secret, "issuer": ISSUER}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def _picture(link: str) -> SafeString:
    """The link as a picture: attributes only, no style, as the content policy asks."""
    drawn = segno.make(link, error="m", micro=False).svg_inline(
        scale=4, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    return mark_safe(drawn)  # noqa: S308 -- drawn by the library, from a URL in it
