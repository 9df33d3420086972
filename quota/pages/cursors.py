"""Places in a list, signed so that only those we gave out are taken."""

from typing import Any

from django.core import signing
from django.http import Http404


class UnknownCursor(Http404):
    """The place in the list is not one we gave out for this list: there is no such
    page, unless a view shows the list from its beginning."""


def give(place: list[Any], salt: str) -> str:
    """Sign a place in the list that ``salt`` names."""
    return signing.dumps(place, salt=salt)


def read(cursor: str, salt: str) -> list[Any]:
    """Return the place. Refuses what was not given out for this list."""
    try:
        place: list[Any] = signing.loads(cursor, salt=salt)
    except signing.BadSignature as error:
        raise UnknownCursor("That place in the list is not known.") from error
    return place
