"""Bringing the list of images in line with what the allowed sources hold."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction

from accounts.models import Account
from quota.models import ImageSource
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
    """Read one source. What it no longer shows leaves the list; its history stays."""
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
    ImageSource.objects.filter(account=source.account_id, pk=source.pk).update(
        read_at=now, problem="\n".join(figures.problems)
    )
    return figures


def _batches(found: Iterable[FoundImage], size: int) -> Iterator[Sequence[FoundImage]]:
    iterator = iter(found)
    while batch := list(islice(iterator, size)):
        yield batch


@transaction.atomic
def _write(source: ImageSource, found: Sequence[FoundImage], now: datetime) -> int:
    params: dict[str, Any] = {
        "account": source.account_id,
        "source": source.pk,
        "now": now,
        "rows": json.dumps([_row(each) for each in found]),
    }
    Account.objects.lock(source.account_id)
    with connection.cursor() as cursor:
        cursor.execute(WRITE_IMAGES, params)
        new = int(cursor.rowcount)
        cursor.execute(WRITE_SIGHTINGS, params)
        digests = [each.facts.digest for each in found]
        cursor.execute(DESCRIBE, {**params, "digests": digests})
    return new


@transaction.atomic
def _forget(source: ImageSource, now: datetime) -> int:
    params: dict[str, Any] = {
        "account": source.account_id,
        "source": source.pk,
        "now": now,
    }
    Account.objects.lock(source.account_id)
    with connection.cursor() as cursor:
        cursor.execute(FORGET, params)
        images = [image_id for (image_id,) in cursor.fetchall()]
        cursor.execute(DIGESTS, {**params, "images": images})
        digests = [digest for (digest,) in cursor.fetchall()]
        cursor.execute(DESCRIBE, {**params, "digests": digests})
    return len(images)


def _row(found: FoundImage) -> dict[str, object]:
    facts = found.facts
    return {
        "digest": facts.digest,
        "os": facts.os[:32],
        "architecture": facts.architecture[:32],
        "variant": facts.variant[:32],
        "size": facts.size,
        "created_at": facts.created_at.isoformat() if facts.created_at else None,
        "name": found.name[:300],
        "tag": found.tag[:128],
        "locator": found.locator,
        "containers": found.containers,
    }


ROWS = """
    jsonb_to_recordset(%(rows)s::jsonb) AS r(digest text, os text, architecture text,
        variant text, size bigint, created_at timestamptz, name text, tag text,
        locator text, containers int)
"""

WRITE_IMAGES = f"""
    INSERT INTO quota_image (account_id, digest, os, architecture, variant, size,
        created_at, first_seen_at, is_local, name, tag, tags, containers,
        is_repository, repository, repository_tag, repository_tags, repository_search,
        outcome, outcome_reason, active_at, first_scans, repeat_scans, risk)
    SELECT DISTINCT ON (r.digest) %(account)s, r.digest, r.os, r.architecture,
        r.variant, r.size, r.created_at, %(now)s, false, '', '', 0, 0,
        false, '', '', 0, '', 'not_scanned', '', %(now)s, 0, 0, -1
    FROM {ROWS} ORDER BY r.digest
    ON CONFLICT (account_id, digest) DO NOTHING
"""  # noqa: S608 -- our own text

WRITE_SIGHTINGS = f"""
    INSERT INTO quota_sighting (account_id, source_id, image_id, name, tag, locator,
        containers, seen_at)
    SELECT DISTINCT ON (i.id, r.name, r.tag) %(account)s, %(source)s, i.id, r.name,
        r.tag, r.locator, r.containers, %(now)s
    FROM {ROWS}
    JOIN quota_image i ON i.account_id = %(account)s AND i.digest = r.digest
    ORDER BY i.id, r.name, r.tag
    ON CONFLICT (account_id, source_id, image_id, name, tag) DO UPDATE
    SET locator = EXCLUDED.locator, containers = EXCLUDED.containers,
        seen_at = EXCLUDED.seen_at
"""  # noqa: S608 -- our own text

FORGET = """
    DELETE FROM quota_sighting
    WHERE account_id = %(account)s AND source_id = %(source)s AND seen_at < %(now)s
    RETURNING image_id
"""

DIGESTS = """
    SELECT digest FROM quota_image
    WHERE account_id = %(account)s AND id = ANY(%(images)s)
"""

# The list shows an image once, under its first name; the row says how many tags. A row
# that would not change is left alone.
DESCRIBE = """
    UPDATE quota_image i
    SET is_local = s.tags > 0, name = coalesce(s.name, i.name),
        tag = coalesce(s.tag, i.tag), tags = s.tags, containers = s.containers
    FROM (
        SELECT x.id, count(g.id) AS tags, coalesce(max(g.containers), 0) AS containers,
               (array_agg(g.name ORDER BY g.name, g.tag))[1] AS name,
               (array_agg(g.tag ORDER BY g.name, g.tag))[1] AS tag
        FROM quota_image x
        LEFT JOIN quota_sighting g ON g.account_id = %(account)s AND g.image_id = x.id
        WHERE x.account_id = %(account)s AND x.digest = ANY(%(digests)s)
        GROUP BY x.id
    ) s
    WHERE i.account_id = %(account)s AND i.id = s.id
      AND (i.is_local, i.name, i.tag, i.tags, i.containers) IS DISTINCT FROM
          (s.tags > 0, coalesce(s.name, i.name), coalesce(s.tag, i.tag), s.tags,
           s.containers)
"""
