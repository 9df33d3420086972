"""Registries read by workers that die, by two at once, and in little memory."""

import hashlib
import random
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Account
from quota.models import Image, Kind, Registry, RegistrySync, Scan, Sighting
from quota.scanners import Engines
from quota.services import registry_reading, registry_syncs, working
from quota.services.advising import StoredAdvisories
from tests.factories import account_with, press
from tests.races.processes import FORK, start
from tests.registries.acts import connect
from tests.registries.hostile import Handler, hostile_registry
from tests.registries.hostile import Registry as Hostile
from tests.registries.many import many_repositories
from tests.registries.memory import MEGABYTE, grown_by

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("_private_allowed"),
]
REPOSITORIES = 300
BLOCK = random.Random(7).randbytes(MEGABYTE)  # noqa: S311 -- any bytes do


@pytest.fixture
def account() -> Account:
    return account_with(now=timezone.now() - timedelta(days=3))


def begin(account: Account, registry: Registry) -> RegistrySync:
    registry_syncs.request(
        account=account,
        registries=[registry],
        is_full=False,
        by=None,
        now=timezone.now(),
    )
    return RegistrySync.objects.get(registry=registry)


def read(account_id: int, sync_id: int, ahead: float = 0) -> None:
    registry_reading.work(
        account_id=account_id,
        sync_id=sync_id,
        clock=lambda: timezone.now() + timedelta(seconds=ahead),
    )


def test_a_sync_whose_workers_are_killed_goes_on_and_reads_each_once(
    account: Account,
) -> None:
    chance = random.Random(11)  # noqa: S311 -- which moment is hit need not be secret
    with many_repositories(REPOSITORIES) as many:
        run = begin(account, connect(account, many.address, timezone.now()))
        seen = []
        for kill in range(6):
            # Each worker finds the last one's lease run out.
            worker = start(read, account.pk, run.pk, 130.0 * kill)
            worker.join(chance.uniform(0.3, 0.9))
            worker.kill()
            worker.join()
            run.refresh_from_db()
            seen.append(run.repositories)
        read(account.pk, run.pk, 1_000)

    run.refresh_from_db()
    assert seen == sorted(seen)
    assert (run.outcome, run.repositories) == ("done", REPOSITORIES)
    assert run.new == Image.objects.count() == REPOSITORIES * 3
    assert Sighting.objects.count() == REPOSITORIES * 3
    assert Sighting.objects.filter(is_latest=True).count() == REPOSITORIES


def test_two_workers_at_once_read_a_registry_once(account: Account) -> None:
    with many_repositories(40) as many:
        run = begin(account, connect(account, many.address, timezone.now()))
        workers = [start(read, account.pk, run.pk) for _ in range(4)]
        for worker in workers:
            worker.join(120)

    run.refresh_from_db()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert (run.outcome, run.repositories, run.tags) == ("done", 40, 120)


def begin_night(barrier: "object", now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    registry_syncs.begin_nightly(now=now)


def test_a_night_begun_by_eight_workers_at_once_reads_each_registry_once(
    account: Account,
) -> None:
    for number in range(10):
        connect(account, "https://r.invalid", timezone.now(), name=f"r{number}")
    tomorrow = timezone.now().date() + timedelta(days=1)
    late = datetime(tomorrow.year, tomorrow.month, tomorrow.day, 2, 59, tzinfo=UTC)
    barrier = FORK.Barrier(8)

    workers = [start(begin_night, barrier, late) for _ in range(8)]
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0] * 8
    assert RegistrySync.objects.count() == 10


def test_a_large_registry_is_read_in_little_memory_and_shows_its_progress(
    account: Account, tmp_path: Path
) -> None:
    with many_repositories(REPOSITORIES) as many:
        run = begin(account, connect(account, many.address, timezone.now()))

        grown = grown_by(read, account.pk, run.pk, folder=tmp_path)

    run.refresh_from_db()
    assert (run.outcome, run.repositories, run.total) == ("done",) + 2 * (REPOSITORIES,)
    assert grown < 60 * MEGABYTE


class Large:
    """A layer that is a plain tar of one large file, made as it is asked for."""

    def __init__(self, number: int, megabytes: int) -> None:
        info = tarfile.TarInfo(f"var/data-{number}")
        info.size = megabytes * MEGABYTE
        self.parts = [info.tobuf(), megabytes, bytes(10_240)]
        digest = hashlib.sha256()
        for part in self:
            digest.update(part)
        self.digest = f"sha256:{digest.hexdigest()}"
        self.size = sum(len(part) for part in self)

    def __iter__(self) -> Iterator[bytes]:
        head, megabytes, end = self.parts
        assert isinstance(head, bytes)
        assert isinstance(end, bytes)
        assert isinstance(megabytes, int)
        yield head
        for _ in range(megabytes):
            yield BLOCK
        yield end

    def __call__(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(self.size))
        handler.end_headers()
        for part in self:
            handler.wfile.write(part)


def hold_large(hostile: Hostile, megabytes: int, layers: int) -> None:
    """Hold one image of that size."""
    made = [Large(number, megabytes // layers) for number in range(layers)]
    hostile.holds_described([(each.digest, each.size, each.digest) for each in made])
    for each in made:
        hostile.answers[f"/v2/team/app/blobs/{each.digest}"] = each


def scan_queued(account_id: int) -> None:
    scanner = Engines(StoredAdvisories()).chosen("builtin")
    working.work(account_id=account_id, scanner=scanner, clock=timezone.now)


def test_an_image_of_two_gigabytes_is_scanned_in_less_than_300_megabytes(
    account: Account, tmp_path: Path
) -> None:
    with hostile_registry() as hostile:
        hold_large(hostile, 2_048, layers=2)
        run = begin(account, connect(account, hostile.address, timezone.now()))
        read(account.pk, run.pk)
        press(account, list(Image.objects.all()), timezone.now(), Kind.REPOSITORY)

        grown = grown_by(scan_queued, account.pk, folder=tmp_path)

    ended = Scan.objects.get()
    assert (ended.state, ended.message) == ("settled", "")
    assert grown < 300 * MEGABYTE
