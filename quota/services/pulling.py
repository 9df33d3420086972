"""Short-lived pulls of one image through us, for engines that pull by themselves.

A registry that knows only a name and a password has nothing short-lived to hand on, and
the password itself goes to nobody. So the engine pulls from us: with a ticket that lets
it read one image, for as long as the scan runs it was made for.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.core.cache import cache

from quota.models import Registry, Scan
from quota.services import registries
from quota.sources.distribution import Gone, Manifest
from quota.sources.registry import RegistrySource, Way, sizes_of

USER = "scanner"
SALT = "quota.pull"
REMEMBERED = 3_600
# A blob's own time is counted from its size.
LONGEST = 86_400.0


class Ticket(NamedTuple):
    """What one running scan may read: its image, under one claim."""

    account_id: int
    scan_id: int
    claim: str
    registry_id: int
    repository: str
    digest: str


def issue(ticket: Ticket) -> Way:
    """Where an engine pulls with this ticket, and what it signs in with."""
    password = signing.dumps(ticket, salt=SALT)
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return Way(settings.SCANNER_PULL_URL, f"Basic {pair}")


def admitted(authorization: str, now: datetime) -> Ticket | None:
    """Whose ticket this is; nobody's once its scan has ended, was claimed anew, or has
    reached its deadline."""
    scheme, _, pair = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(pair, validate=True).partition(b":")
        ticket = Ticket(*signing.loads(password.decode(), salt=SALT))
    except (ValueError, signing.BadSignature):
        return None
    running = Scan.objects.filter(
        account=ticket.account_id,
        pk=ticket.scan_id,
        claim=ticket.claim,
        state="running",
        deadline_at__gt=now,
    )
    return ticket if user == USER.encode() and running.exists() else None


class Blob:
    """A blob on its way through: read once, in small pieces, then closed."""

    def __init__(self, chunks: Iterator[bytes], stack: ExitStack) -> None:
        self._chunks = chunks
        self._stack = stack

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Hang up on the registry, whether or not all was read."""
        self._stack.close()


def manifest(ticket: Ticket, reference: str, now: datetime) -> Manifest:
    """The manifest of the ticket's image. Refuses (SourceError) any other."""
    if reference != ticket.digest:
        raise _not_this()
    with closing(_opened(ticket, now)) as source:
        return source.client.manifest(ticket.repository, ticket.digest)


def size(ticket: Ticket, digest: str, now: datetime) -> int:
    """The size of a layer or the config of the ticket's image. Refuses (SourceError)
    any other blob."""
    found = _sizes(ticket, now).get(digest)
    if found is None:
        raise _not_this()
    return found


def blob(ticket: Ticket, digest: str, size: int, now: datetime) -> Blob:
    """This layer or config, of that size, to be streamed."""
    with ExitStack() as stack:
        source = stack.enter_context(closing(_opened(ticket, now)))
        streamed = source.client.streamed(ticket.repository, digest, size)
        return Blob(stack.enter_context(streamed), stack.pop_all())


def _sizes(ticket: Ticket, now: datetime) -> Mapping[str, int]:
    """What the image consists of. A manifest never changes under its digest, so it is
    read once for all its blobs."""
    place = f"{ticket.registry_id} {ticket.repository} {ticket.digest}"
    key = f"pull:{ticket.account_id}:{hashlib.sha256(place.encode()).hexdigest()}"
    known: Mapping[str, int] | None = cache.get(key)
    if known is None:
        known = sizes_of(manifest(ticket, ticket.digest, now))
        cache.set(key, known, REMEMBERED)
    return known


def _opened(ticket: Ticket, now: datetime) -> RegistrySource:
    rows = Registry.objects.select_related("account")
    registry = rows.filter(account=ticket.account_id, pk=ticket.registry_id).first()
    if registry is None:
        raise Gone("The registry is not connected any more. Connect it again.")
    return registries.opened(
        registry,
        seconds_left=lambda: LONGEST,
        before_pull=lambda: registries.take_pull(registry, now),
    )


def _not_this() -> Gone:
    return Gone("This authorization is for another image. Scan the image again.")
