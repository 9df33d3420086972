"""Every address of the product below the back office, read from the resolver."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import get_resolver, reverse

from accounts.models import Account
from quota.models import Kind

OF_A_KIND = {"images", "image", "scan-now", "scan-estimate", "selection"}
PART = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """One address as its pattern spells it, such as ``a/<slug:account>/tasks``."""

    route: str
    name: str

    def path(self, fill: Callable[[str, str], str]) -> str:
        """The path, each part filled by ``fill(converter, name)`` as it stands."""
        return "/" + PART.sub(lambda m: fill(m[1] or "str", m[2]), self.route)

    @property
    def is_of_an_account(self) -> bool:
        """Whether it lies under ``/a/<account>/``."""
        return self.route.startswith("a/<slug:account>/")


def url(name: str, account: Account, *more: object, kind: Kind = Kind.LOCAL) -> str:
    """Where an account's page is; of those that both lists of images have, that of the
    local ones."""
    of_kind = [kind] if name in OF_A_KIND else []
    return reverse(f"quota:{name}", args=[account.slug, *of_kind, *more])


def addresses() -> list[Address]:
    """All of them, but for the back office, whose table is test_permissions."""
    return [each for each in everything() if not each.route.startswith("admin/")]


def everything() -> list[Address]:
    """Every address there is."""
    return list(_walk(get_resolver().url_patterns, ""))


def back_office() -> list[Address]:
    """Those of the back office; its last one only catches what is no address."""
    return [
        each
        for each in everything()
        if each.route.startswith("admin/") and "(?P" not in each.route
    ]


def _walk(patterns: Sequence[Any], before: str) -> Iterator[Address]:
    for each in patterns:
        route = before + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from _walk(each.url_patterns, route)
        else:
            yield Address(route, each.name or route)
