"""What a worker does with one sync: claim it, read on, write, and end it once."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from accounts.models import Account
from quota.models import Registry, RegistrySync, Sighting
from quota.models.sql import run
from quota.services import registries, sightings
from quota.services.registries import PullLimitReached
from quota.services.registry_syncs import LEASE, unclaimed
from quota.services.sightings import ROWS
from quota.sources.content import SourceError
from quota.sources.distribution import SlowDown
from quota.sources.reach import RegistryFailure
from quota.sources.registry import RegistrySource, Tagged

MOST_FOUND = 500
MOST_REPOSITORIES = 50
EVERY = timedelta(seconds=5)
MOST_ATTEMPTS = 5
PAUSE = timedelta(minutes=1)
MOST_IN_A_ROW = 20
MOST_DEATHS = 10
Clock = Callable[[], datetime]


class Lost(Exception):
    """The claim is not ours any more: another worker took over, or it was removed."""


def work(*, account_id: int, sync_id: int, clock: Clock) -> bool:
    """Read one registry on, from where it was left, to its end or until it has to wait.

    Returns whether there was anything to do: a second worker finds it claimed. What was
    read is written in small transactions; none is open while the registry is asked.
    """
    token = uuid4()
    if not _claimed(account_id, sync_id, token, clock()):
        return False
    rows = RegistrySync.objects.select_related("registry__account")
    sync = rows.filter(account=account_id, claim=token).first()
    if sync is None:  # Removed in this very moment.
        return False
    with suppress(Lost):
        _worked(_Reading(sync, token, clock))
    return True


def _worked(reading: "_Reading") -> None:
    try:
        if reading.sync.attempts > MOST_DEATHS:
            raise RegistryFailure(
                "Reading it was broken off again and again at the same place.",
                "Name the repositories to read, without the one that does it.",
            )
        reading.read()
    except PullLimitReached as limit:
        reading.wait(limit, limit.until)
    except SlowDown as told:
        reading.wait(told, reading.clock() + timedelta(seconds=told.seconds))
    except SourceError as problem:
        reading.failed(problem)


def _claimed(account_id: int, sync_id: int, token: UUID, now: datetime) -> int:
    waiting = RegistrySync.objects.filter(account=account_id, pk=sync_id, ended_at=None)
    return waiting.filter(unclaimed(now)).update(
        claim=token,
        lease_until=now + LEASE,
        resume_at=None,
        waits_because="",
        began_at=Coalesce("began_at", now),
        attempts=F("attempts") + 1,
    )


@dataclass(slots=True)
class _Batch:
    """What was read and not yet written."""

    changed: list[Tagged] = field(default_factory=list)
    unchanged: list[tuple[str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    last: str = ""
    problem: str = ""
    size: int = 0

    def add(self, repository: str, tagged: Tagged) -> None:
        """One tag that was read."""
        self.size += 1
        if tagged.images is None:
            self.unchanged.append((repository, tagged.tag))
        else:
            self.changed.append(tagged)
            self.size += len(tagged.images)


class _Reading:
    """One worker's work on one sync."""

    def __init__(self, sync: RegistrySync, token: UUID, clock: Clock) -> None:
        self.sync = sync
        self.registry: Registry = sync.registry
        self.account_id = sync.account_id
        self.token = token
        self.clock = clock
        self.written_at = clock()
        self.batch = _Batch()
        self.in_a_row = 0

    def read(self) -> None:
        """Everything that is left, to the end."""
        source = registries.opened(
            self.registry,
            seconds_left=lambda: LEASE.total_seconds() / 2,
            before_pull=self._before_pull,
        )
        try:
            if self.sync.total is None:
                total = sum(len(page) for page in source.repositories())
                self._mine().update(total=total)
            for page in source.repositories(self.sync.cursor):
                for repository in page:
                    self._repository(source, repository)
            self._write()
        finally:
            source.close()
        self._finish()

    def _before_pull(self) -> None:
        now = self.clock()
        registries.take_pull(self.registry, now)
        if now - self.written_at >= EVERY:
            self.written_at = now
            if not self._mine().update(lease_until=now + LEASE):
                raise Lost

    def _repository(self, source: RegistrySource, repository: str) -> None:
        """Read one repository. One that cannot be read keeps what was seen in it, and
        does not stop the others unless the registry itself has stopped answering."""
        try:
            known = {} if self.sync.is_full else self._known(repository)
            for tagged in source.tagged(repository, known):
                self.batch.add(repository, tagged)
                self._write_if_due()
            self.batch.done.append(repository)
            self.batch.last = repository
            self.in_a_row = 0
        except (PullLimitReached, SlowDown):
            raise
        except SourceError as problem:
            self._unread(source, repository, problem)
        self._write_if_due()

    def _unread(
        self, source: RegistrySource, repository: str, problem: SourceError
    ) -> None:
        if isinstance(problem, RegistryFailure):
            source.client.ping()
            self.in_a_row += 1
        if self.in_a_row >= MOST_IN_A_ROW:
            raise problem
        self.batch.unread.append(repository)
        self.batch.last = repository
        self.batch.problem = self.batch.problem or f"{repository}: {problem}"[:500]

    def _known(self, repository: str) -> dict[str, str]:
        seen = Sighting.objects.filter(
            account=self.account_id, registry=self.registry, name=repository
        )
        return dict(seen.values_list("tag", "tag_digest"))

    def _write_if_due(self) -> None:
        ended = len(self.batch.done) + len(self.batch.unread)
        if (
            self.batch.size >= MOST_FOUND
            or ended >= MOST_REPOSITORIES
            or self.clock() - self.written_at >= EVERY
        ):
            self._write()

    @transaction.atomic
    def _write(self) -> None:
        """Write what was read, and how far that is, in one transaction."""
        batch, self.batch = self.batch, _Batch()
        self.written_at = self.clock()
        Account.objects.lock(self.account_id)
        if not self._progressed(batch):
            raise Lost
        written = json.dumps(
            [
                sightings.row(image, each.digest)
                for each in batch.changed
                for image in each.images or ()
            ]
        )
        new = sightings.write_images(self.account_id, written, self.written_at)
        self._run(WRITE_SIGHTINGS, rows=written)
        touched = [*batch.unchanged, *[(name, None) for name in batch.unread]]
        self._run(
            TOUCH,
            names=[name for name, _ in touched],
            tags=[tag for _, tag in touched],
        )
        gone = self._run(FORGET, names=batch.done)
        self._run(MARK_LATEST, names=batch.done)
        digests = {
            image.facts.digest for each in batch.changed for image in each.images or ()
        }
        images = sightings.ids_of(self.account_id, digests)
        sightings.describe(self.account_id, [*images, *[image for (image,) in gone]])
        self._mine().update(new=F("new") + new, gone=F("gone") + len(gone))

    def _progressed(self, batch: _Batch) -> int:
        last = batch.last or self.sync.cursor
        changes: dict[str, object] = {
            "lease_until": self.written_at + LEASE,
            "repositories": F("repositories") + len(batch.done) + len(batch.unread),
            "tags": F("tags") + len(batch.changed) + len(batch.unchanged),
            "unread": F("unread") + len(batch.unread),
            "cursor": last,
        }
        if batch.done:
            changes["attempts"] = 0
        if batch.problem and not self.sync.unread_example:
            changes["unread_example"] = self.sync.unread_example = batch.problem
        self.sync.cursor = last
        return self._mine().update(**changes)

    @transaction.atomic
    def _finish(self) -> None:
        """What was not seen any more leaves the list; its history stays."""
        now = self.clock()
        Account.objects.lock(self.account_id)
        gone = self._run(FORGET_REST)
        sightings.describe(self.account_id, [image for (image,) in gone])
        ended = self._mine().update(
            ended_at=now,
            outcome=RegistrySync.Outcome.DONE,
            claim=None,
            lease_until=None,
            gone=F("gone") + len(gone),
        )
        if not ended:
            raise Lost
        Registry.objects.filter(account=self.account_id, pk=self.registry.pk).update(
            checked_at=now,
            succeeded_at=now,
            failing_since=None,
            problem="",
            remedy="",
        )

    def wait(self, why: SourceError, until: datetime) -> None:
        """Leave it until then; what was read is kept."""
        self._write()
        self._mine().update(
            claim=None,
            lease_until=None,
            resume_at=until,
            attempts=0,
            waits_because=str(why)[:500],
        )

    @transaction.atomic
    def failed(self, problem: SourceError) -> None:
        """Try again in a minute where that may help, else end it with the reason."""
        self._write()
        now = self.clock()
        passing = isinstance(problem, RegistryFailure) and problem.passing
        if passing and self.sync.attempts < MOST_ATTEMPTS:
            self._mine().update(
                claim=None,
                lease_until=None,
                resume_at=now + PAUSE * self.sync.attempts,
                waits_because=str(problem)[:500],
            )
        else:
            self._mine().update(
                ended_at=now,
                outcome=RegistrySync.Outcome.FAILED,
                claim=None,
                lease_until=None,
                message=str(problem)[:500],
            )
        registries.failed(self.registry, problem, now)

    def _mine(self) -> QuerySet[RegistrySync]:
        """The sync while the claim is ours."""
        return RegistrySync.objects.filter(
            account=self.account_id, pk=self.sync.pk, claim=self.token, ended_at=None
        )

    def _run(self, sql: str, **more: object) -> list[tuple[Any, ...]]:
        return run(
            sql,
            {
                "account": self.account_id,
                "registry": self.registry.pk,
                "began": self.sync.began_at,
                **more,
            },
        )


WRITE_SIGHTINGS = f"""
    INSERT INTO quota_sighting (account_id, registry_id, image_id, name, tag, locator,
        tag_digest, namespace, is_latest, containers, seen_at, is_other_platform)
    SELECT DISTINCT ON (r.name, r.tag, i.id) %(account)s, %(registry)s, i.id, r.name,
        r.tag, r.locator, r.tag_digest,
        CASE WHEN r.name LIKE '%%/%%' THEN split_part(r.name, '/', 1) ELSE '' END,
        false, 0, %(began)s, r.is_other_platform
    FROM {ROWS}
    JOIN quota_image i ON i.account_id = %(account)s AND i.digest = r.digest
    ORDER BY r.name, r.tag, i.id
    ON CONFLICT (account_id, registry_id, name, tag, image_id) DO UPDATE
    SET locator = EXCLUDED.locator, tag_digest = EXCLUDED.tag_digest,
        seen_at = EXCLUDED.seen_at, is_other_platform = EXCLUDED.is_other_platform
"""  # noqa: S608 -- our own text

# A tag that still names the same, and every tag of a repository that could not be read:
# what could not be read is not taken for gone.
TOUCH = """
    UPDATE quota_sighting g SET seen_at = %(began)s
    FROM unnest(%(names)s::text[], %(tags)s::text[]) AS t(name, tag)
    WHERE g.account_id = %(account)s AND g.registry_id = %(registry)s
      AND g.name = t.name AND (t.tag IS NULL OR g.tag = t.tag)
"""

FORGET = """
    DELETE FROM quota_sighting
    WHERE account_id = %(account)s AND registry_id = %(registry)s
      AND name = ANY(%(names)s) AND seen_at < %(began)s
    RETURNING image_id
"""

FORGET_REST = """
    DELETE FROM quota_sighting
    WHERE account_id = %(account)s AND registry_id = %(registry)s
      AND seen_at < %(began)s
    RETURNING image_id
"""

# A repository's latest is what its tag "latest" names; where there is none, the tag
# whose image was made last.
MARK_LATEST = """
    UPDATE quota_sighting g SET is_latest = (g.tag = l.tag)
    FROM (
        SELECT DISTINCT ON (s.name) s.name, s.tag
        FROM quota_sighting s
        JOIN quota_image i ON i.account_id = %(account)s AND i.id = s.image_id
        WHERE s.account_id = %(account)s AND s.registry_id = %(registry)s
          AND s.name = ANY(%(names)s)
        ORDER BY s.name, (s.tag = 'latest') DESC, i.created_at DESC NULLS LAST,
                 s.tag DESC
    ) l
    WHERE g.account_id = %(account)s AND g.registry_id = %(registry)s
      AND g.name = l.name AND g.is_latest <> (g.tag = l.tag)
"""
