"""Syncs: what is listed, what leaves, what fails, what waits; and nights."""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Account
from quota.models import (
    Image,
    ImageSource,
    LedgerEntry,
    QuotaWindow,
    Registry,
    RegistrySync,
    Sighting,
    Subscription,
)
from quota.rules.dates import instant_of
from quota.services import (
    registries,
    registry_reading,
    registry_syncs,
    syncing,
    terminating,
)
from tcss_billing.demo.images import write_image
from tests.factories import account_with
from tests.registries import hostile as bad
from tests.registries.acts import connect, connect_real, listed, resume, scan, sync
from tests.registries.hostile import layer_of
from tests.registries.real import RealRegistry

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("_private_allowed"),
]
FILES = {"etc/os-release": b"ID=debian\n"}


def test_a_real_registry_with_login_and_tls_is_synced_and_scanned(
    account: Account, real: RealRegistry, now: datetime, tmp_path: Path
) -> None:
    write_image(tmp_path / "l", tag="1.0", layers=[FILES])
    for tag in ("1.0", "stable", "latest"):
        real.push(tmp_path / "l", "1.0", f"team/app:{tag}")
    registry = connect_real(account, real, now)

    done = sync(registry, now)
    # One that this worker does not have: it takes its own.
    Registry.objects.update(scanner="trivy")
    scanned = scan(account, now)

    assert (done.outcome, done.repositories, done.tags, done.new) == ("done", 1, 3, 1)
    image = Image.objects.get()
    assert (image.repository, image.repository_tag) == ("team/app", "1.0")
    assert (image.repository_tags, image.is_local) == (3, False)
    assert (scanned.state, scanned.outcome) == ("settled", "succeeded")
    assert scanned.cost_tenths == 10


def test_an_image_of_a_host_and_a_registry_is_one_row_and_its_history_stays(
    account: Account, real: RealRegistry, now: datetime, tmp_path: Path
) -> None:
    write_image(tmp_path / "l", tag="1.0", layers=[FILES])
    real.push(tmp_path / "l", "1.0", "team/app:1.0")
    ImageSource.objects.create(
        account=account, kind="oci-layout", location=str(tmp_path / "l")
    )
    syncing.update_local_images(account=account, now=now)
    scan(account, now)

    registry = connect_real(account, real, now)
    sync(registry, now)
    scan(account, now)

    image = Image.objects.get()
    assert image.is_local
    assert image.is_repository
    holds = LedgerEntry.objects.filter(kind="hold").order_by("pk")
    assert [hold.reason for hold in holds] == ["first", "repeat"]
    registries.remove(registry=registry)
    image.refresh_from_db()
    assert (image.is_local, image.is_repository) == (True, False)
    assert (image.first_scans, image.repeat_scans) == (1, 1)


def test_a_vanished_tag_leaves_the_list_and_its_history_stays(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds("team/app", "1.0", layers=(layer_of(("a", b"1")),))
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    scan(account, now)
    hostile.answers["/v2/team/app/tags/list"] = bad.document({"tags": None})

    done = sync(registry, now + timedelta(hours=1))

    image = Image.objects.get()
    assert (done.gone, listed(account)) == (1, {})
    assert (image.is_repository, image.first_scans) == (False, 1)
    assert image.repository == "team/app"


def test_a_repository_that_left_the_catalogue_leaves_the_list(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds("team/app")
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    hostile.answers["/v2/_catalog"] = bad.document({"repositories": []})

    sync(registry, now + timedelta(hours=1))

    assert listed(account) == {}


def test_a_tag_that_moved_shows_the_new_image(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    first = hostile.holds("team/app", "1.0", config={"created": "2026-01-01T00:00:00Z"})
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    assert listed(account) == {"team/app:1.0": first}
    second = hostile.holds("team/app", "1.0", config={"author": "new"})

    sync(registry, now + timedelta(hours=1))

    assert first != second
    assert listed(account) == {"team/app:1.0": second}


def test_a_second_sync_asks_again_but_pulls_nothing_unless_it_is_full(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds()
    registry = connect(account, hostile.address, now)
    sync(registry, now)

    def pulled(hours: int, **how: bool) -> list[str]:
        hostile.asked.clear()
        sync(registry, now + timedelta(hours=hours), **how)
        return [m for m, path, _ in hostile.asked if "/manifests/" in path]

    assert pulled(1) == ["HEAD"]
    assert pulled(2, is_full=True) == ["GET"]
    assert len(listed(account)) == 1


def test_what_cannot_be_read_is_told_and_not_taken_for_gone(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds("team/app")
    hostile.holds("team/other", layers=(layer_of(("a", b"1")),))
    both = bad.document({"repositories": ["team/app", "team/other"]})
    hostile.answers["/v2/_catalog"] = both
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    hostile.answers["/v2/team/app/tags/list"] = bad.status(500)

    done = sync(registry, now + timedelta(hours=1))

    assert set(listed(account)) == {"team/app:1.0", "team/other:1.0"}
    assert (done.outcome, done.unread) == ("done", 1)
    assert done.unread_example.startswith("team/app: ")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (bad.garbage, "does not answer as a web server"),
        (bad.status(401), "asks for a login"),
        (bad.document(["no", "object"]), "not a JSON object"),
        (bad.document({"repositories": "all"}), "list of repositories is damaged"),
    ],
)
def test_a_registry_that_answers_badly_keeps_its_images_and_says_why(
    account: Account, hostile: bad.Registry, now: datetime, answer: Any, reason: str
) -> None:
    hostile.holds()
    registry = connect(account, hostile.address, now)
    sync(registry, now)
    hostile.answers["/v2/_catalog"] = hostile.answers["/v2/"] = answer

    done = sync(registry, now + timedelta(hours=1))

    registry.refresh_from_db()
    assert done.outcome == "failed"
    assert reason in done.message
    assert reason in registry.problem
    assert registry.remedy
    assert registry.failing_since == now + timedelta(hours=1)
    assert registry.succeeded_at == now
    assert len(listed(account)) == 1


def test_a_passing_failure_is_tried_again_and_then_ends(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.answers["/v2/_catalog"] = hostile.answers["/v2/"] = bad.status(503)
    registry = connect(account, hostile.address, now)

    run = sync(registry, now)
    assert run.ended_at is None
    assert run.resume_at == now + timedelta(minutes=1)
    for hour in range(1, 6):
        resume(run, now + timedelta(hours=hour))

    run.refresh_from_db()
    assert (run.outcome, run.attempts) == ("failed", 5)


def test_the_pull_limit_pauses_a_sync_until_the_hour_is_over(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    names = [f"team/app-{n}" for n in range(5)]
    for n, name in enumerate(names):
        hostile.holds(name, config={"author": str(n)})
    hostile.answers["/v2/_catalog"] = bad.catalogue(names)
    registry = connect(account, hostile.address, now, pull_limit=2)

    run = sync(registry, now)
    assert run.ended_at is None
    assert run.resume_at == now + timedelta(hours=1)
    assert "pull limit of 2 an hour" in run.waits_because
    for hour in (1, 2):
        resume(run, now + timedelta(hours=hour))

    run.refresh_from_db()
    assert (run.outcome, run.repositories) == ("done", 5)
    assert len(listed(account)) == 5


def test_a_scan_over_the_pull_limit_is_free_and_says_when(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds(layers=(layer_of(("etc/os-release", b"ID=debian\n")),))
    registry = connect(account, hostile.address, now, pull_limit=1)
    sync(registry, now)

    ended = scan(account, now)

    assert (ended.state, ended.outcome) == ("released", "failed")
    assert "pull limit" in ended.message
    assert QuotaWindow.objects.filter(held_tenths__gt=0).count() == 0


def test_latest_is_the_tag_of_that_name_or_the_newest_image(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    def tagged(name: str, tags: dict[str, str]) -> None:
        for tag, created in tags.items():
            hostile.holds(name, tag, config={"created": created})
        hostile.answers[f"/v2/{name}/tags/list"] = bad.document({"tags": list(tags)})

    tagged("a", {"1": "2026-01-01T00:00:00Z", "2": "2026-02-01T00:00:00Z"})
    tagged("b", {"latest": "2026-01-01T00:00:01Z", "9": "2026-02-01T00:00:01Z"})
    hostile.answers["/v2/_catalog"] = bad.document({"repositories": ["a", "b"]})
    registry = connect(account, hostile.address, now)

    sync(registry, now)

    latest = Sighting.objects.filter(is_latest=True).order_by("name")
    assert [f"{row.name}:{row.tag}" for row in latest] == ["a:2", "b:latest"]


# Nights


def test_each_registry_is_read_once_a_night_at_a_minute_of_its_own(
    now: datetime,
) -> None:
    account = account_with(now=now - timedelta(days=3), zone="Asia/Singapore")
    for n in range(20):
        connect(account, "https://r.example", now, name=f"r{n}")
    midnight = datetime(2026, 11, 25, 16, tzinfo=now.tzinfo)  # 00:00 there
    begun: list[int] = []
    for minute in range(-60, 300, 5):
        begun.append(
            registry_syncs.begin_nightly(now=midnight + timedelta(minutes=minute))
        )
        RegistrySync.objects.filter(ended_at=None).update(
            ended_at=midnight, outcome="done"
        )

    assert sum(begun) == 20
    assert sum(begun[:12]) == 0
    assert sum(begun[12 + 36 :]) == 0
    assert max(begun) < 10
    nights = set(RegistrySync.objects.values_list("night", flat=True))
    assert nights == {datetime(2026, 11, 26).date()}  # noqa: DTZ001 -- a date


@pytest.mark.parametrize(
    ("zone", "night", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 2),  # 02:00 is 03:00
        ("Europe/Berlin", date(2026, 10, 25), 4),  # 03:00 is 02:00
        ("America/Santiago", date(2026, 9, 6), 2),  # 00:00 is 01:00
        ("America/Havana", date(2026, 11, 1), 4),  # 01:00 is 00:00
    ],
)
def test_a_night_in_which_the_clock_moves_reads_each_registry_once(
    now: datetime, zone: str, night: date, hours: int
) -> None:
    midnight = instant_of(night, time.min, ZoneInfo(zone))
    account = account_with(now=midnight - timedelta(days=40), zone=zone)
    for n in range(40):
        connect(account, "https://r.example", now, name=f"r{n}")
    begun: dict[int, int] = {}

    for minute in range(-120, 22 * 60, 5):
        at = midnight + timedelta(minutes=minute)
        if count := registry_syncs.begin_nightly(now=at):
            begun[minute] = count
            RegistrySync.objects.filter(night=night, ended_at=None).update(
                ended_at=at, outcome="done"
            )

    assert sum(begun.values()) == 40
    assert set(RegistrySync.objects.values_list("night", flat=True)) == {night}
    assert min(begun) >= 0
    assert (hours - 1) * 60 < max(begun) < hours * 60
    assert max(begun.values()) < 10


def test_what_no_worker_began_by_night_is_begun_in_the_morning(now: datetime) -> None:
    account = account_with(now=now - timedelta(days=3))
    for n in range(20):
        connect(account, "https://r.example", now, name=f"r{n}")
    midnight = datetime(2026, 11, 26, tzinfo=now.tzinfo)

    begun = [
        registry_syncs.begin_nightly(now=midnight + timedelta(minutes=minute))
        for minute in (360, 359, 359, 1439)
    ]

    assert begun == [0, 20, 0, 0]


def test_an_account_that_is_not_active_is_left_alone(now: datetime) -> None:
    account = account_with(months=1, now=now - timedelta(days=60))
    connect(account, "https://r.example", now)
    midnight = datetime(2026, 11, 26, tzinfo=now.tzinfo)

    begun = [
        registry_syncs.begin_nightly(now=midnight + timedelta(minutes=minute))
        for minute in range(0, 180, 10)
    ]

    assert sum(begun) == 0


def test_a_sync_that_kills_its_workers_at_one_place_ends(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    hostile.holds()
    registry = connect(account, hostile.address, now)
    registry_syncs.request(
        account=account, registries=[registry], is_full=False, by=None, now=now
    )
    RegistrySync.objects.update(attempts=registry_reading.MOST_DEATHS)

    resume(RegistrySync.objects.get(), now)

    run = RegistrySync.objects.get()
    assert run.outcome == "failed"
    assert "again and again" in run.message


def test_termination_deletes_registries_and_their_passwords(
    hostile: bad.Registry, now: datetime
) -> None:
    account = account_with(months=1, now=now, slug="ended")
    hostile.holds()
    sync(connect(account, hostile.address, now), now)
    subscription = Subscription.objects.get(account=account)

    terminating.terminate_due(now=subscription.ends_at + timedelta(days=7))

    mine = {"account": account}
    assert not Registry.objects.filter(**mine).exists()
    assert not RegistrySync.objects.filter(**mine).exists()
    assert not Sighting.objects.filter(**mine).exists()
