"""Bringing the list of images in line with what the allowed sources hold."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import Q

from accounts.models import Account
from quota.models import ImageSource
from quota.models.sql import run
from quota.services import sightings
from quota.services.plans import plan_for
from quota.services.sightings import ROWS
from quota.sources import open_source
from quota.sources.content import FoundImage, SourceError

BATCH = 1_000


@dataclass(slots=True)
class Figures:
    """What an update of images came to."""

    seen: int = 0
    new: int = 0
    gone: int = 0
    problems: list[str] = field(default_factory=list)


def update_local_images(*, account: Account, now: datetime) -> Figures:
    """Read every source the operator allows this account (issue: *Update images*).

    A source that cannot be read keeps what was seen there before, and says why.
    """
    total = Figures()
    for source in ImageSource.objects.filter(account=account).order_by("pk"):
        figures = update_from(source=source, now=now)
        total.seen += figures.seen
        total.new += figures.new
        total.gone += figures.gone
        total.problems += figures.problems
    return total


def update_from(*, source: ImageSource, now: datetime) -> Figures:
    """Read one source. What it no longer shows leaves the list; its history stays. Of
    two reads at once the word of the one that began later counts."""
    figures = Figures()
    try:
        reader = open_source(source.kind, source.location)
        for batch in _batches(reader.find(), BATCH):
            figures.seen += len(batch)
            figures.new += _write(source, batch, now)
        figures.problems += reader.problems
    except SourceError as problem:
        figures.problems.append(str(problem))
    else:
        figures.gone = _forget(source, now)
    unread_since = Q(read_at=None) | Q(read_at__lte=now)
    mine = ImageSource.objects.filter(account=source.account_id, pk=source.pk)
    mine.filter(unread_since).update(read_at=now, problem="\n".join(figures.problems))
    return figures


def _batches(found: Iterable[FoundImage], size: int) -> Iterator[Sequence[FoundImage]]:
    iterator = iter(found)
    while batch := list(islice(iterator, size)):
        yield batch


@transaction.atomic
def _write(source: ImageSource, found: Sequence[FoundImage], now: datetime) -> int:
    account_id, written = source.account_id, sightings.rows(found)
    Account.objects.lock(account_id)
    plan_for(len(found))
    new = sightings.write_images(account_id, written, now)
    run(
        WRITE_SIGHTINGS,
        {"account": account_id, "source": source.pk, "now": now, "rows": written},
    )
    digests = {each.facts.digest for each in found}
    sightings.describe(account_id, sightings.ids_of(account_id, digests))
    return new


@transaction.atomic
def _forget(source: ImageSource, now: datetime) -> int:
    params = {"account": source.account_id, "source": source.pk, "now": now}
    Account.objects.lock(source.account_id)
    images = [image_id for (image_id,) in run(FORGET, params)]
    sightings.describe(source.account_id, images)
    return len(images)


# Two reads may run at once: what the one that began later wrote stands, or what it
# forgets would be what the other one put back.
WRITE_SIGHTINGS = f"""
    INSERT INTO quota_sighting (account_id, source_id, image_id, name, tag, locator,
        containers, seen_at, tag_digest, namespace, is_latest, is_other_platform)
    SELECT DISTINCT ON (i.id, r.name, r.tag) %(account)s, %(source)s, i.id, r.name,
        r.tag, r.locator, r.containers, %(now)s, '', '', false, r.is_other_platform
    FROM {ROWS}
    JOIN quota_image i ON i.account_id = %(account)s AND i.digest = r.digest
    ORDER BY i.id, r.name, r.tag
    ON CONFLICT (account_id, source_id, image_id, name, tag) DO UPDATE
    SET locator = EXCLUDED.locator, containers = EXCLUDED.containers,
        seen_at = EXCLUDED.seen_at, is_other_platform = EXCLUDED.is_other_platform
    WHERE quota_sighting.seen_at <= EXCLUDED.seen_at
"""  # noqa: S608 -- our own text

FORGET = """
    DELETE FROM quota_sighting
    WHERE account_id = %(account)s AND source_id = %(source)s AND seen_at < %(now)s
    RETURNING image_id
"""
