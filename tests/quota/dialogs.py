"""Pressing what a dialog shows."""

import re
from typing import Any

from django.urls import reverse

from accounts.models import Account
from quota.models import Kind

OF_A_KIND = {"images", "image", "scan-now", "scan-estimate", "selection"}


def url(name: str, account: Account, *more: object, kind: Kind = Kind.LOCAL) -> str:
    of_kind = [kind] if name in OF_A_KIND else []
    return reverse(f"quota:{name}", args=[account.slug, *of_kind, *more])


def hidden(response: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, name
    return found[1]
