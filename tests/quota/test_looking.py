"""Where an image is read, with which engine, beside whom, and what is said of one that
failed."""

import errno
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, connections

from accounts.models import Account
from quota.models import ImageSource, Kind, Registry, Scan, Sighting
from quota.models.scans import DEFAULT_TIME_LIMIT
from quota.models.sql import run
from quota.scanners.port import ScanFailed
from quota.services import pulling, syncing, working
from quota.services.pulling import Ticket
from quota.sources.content import ImageContent, Pullable
from tcss_billing.demo.images import write_image
from tests.engine import Engine
from tests.factories import press
from tests.quota.task_acts import started
from tests.registries import hostile as bad
from tests.registries.acts import connect, sync

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_private_allowed")]
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def in_folder(account: Account, folder: Path, now: datetime) -> Sighting:
    """An image like no other, at hand."""
    write_image(folder / "app", tag="1", layers=[{"etc/name": folder.name.encode()}])
    ImageSource.objects.create(account=account, kind="oci-layout", location=str(folder))
    syncing.update_local_images(account=account, now=now)
    return Sighting.objects.latest("pk")


def in_registry(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    name: str = "eu",
    **more: str,
) -> Sighting:
    """An image like no other, in a registry of this name."""
    hostile.holds(f"team/{name}", config={"author": name})
    only = (f"team/{name}",)
    sync(connect(account, hostile.address, now, name=name, only=only, **more), now)
    return Sighting.objects.latest("pk")


def pressed(seen: Sighting, now: datetime) -> None:
    kind = Kind.REPOSITORY if seen.registry else Kind.LOCAL
    press(seen.account, [seen.image], now, kind)


@pytest.mark.parametrize(
    ("hours", "failing", "read"),
    [
        ({"folder": 9, "eu": 0}, {}, "folder"),
        ({"folder": 9, "other folder": 0}, {}, "other folder"),
        ({"folder": 0, "other folder": 0}, {}, "folder"),
        ({"eu": 0, "us": 9}, {"eu": 1}, "us"),
        ({"eu": 0, "us": 9}, {"eu": 5, "us": 1}, "us"),
        ({"eu": 9, "us": 0}, {}, "us"),
        ({"eu": 0, "us": 0}, {}, "eu"),
    ],
)
def test_an_image_is_read_at_hand_or_where_a_registry_answers_and_saw_it_last(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    tmp_path: Path,
    hours: Mapping[str, int],
    failing: Mapping[str, int],
    read: str,
) -> None:
    """Each place has an image of its own, and all of them are said to be the first:
    what was read tells where."""
    seen = {
        name: in_folder(account, tmp_path / name, now)
        if "folder" in name
        else in_registry(account, hostile, now, name)
        for name in hours
    }
    digests = {name: each.image.digest for name, each in seen.items()}
    first, *_ = seen.values()
    for name, each in seen.items():
        each.image, each.seen_at = first.image, now - hours[name] * HOUR
        each.save(update_fields=["image", "seen_at"])
    for name, ago in failing.items():
        Registry.objects.filter(name=name).update(
            failing_since=now - ago * HOUR, problem="It does not answer."
        )
    engine = Engine()

    pressed(first, now)
    working.work(account_id=account.pk, scanner=engine, clock=lambda: now)

    assert engine.given == [digests[read]]


@pytest.mark.parametrize("has_others", [True, False])
def test_the_engine_a_registry_names_looks_into_its_images_where_there_is_one(
    account: Account,
    hostile: bad.Registry,
    now: datetime,
    tmp_path: Path,
    has_others: bool,
) -> None:
    at_hand = in_folder(account, tmp_path, now)
    plain = in_registry(account, hostile, now, "plain")
    particular = in_registry(account, hostile, now, "particular", scanner="trivy")
    for seen in (at_hand, plain, particular):
        pressed(seen, now)
    usual, trivy = Engine(), Engine()

    working.work(
        account_id=account.pk,
        scanner=usual,
        named={"trivy": trivy}.__getitem__ if has_others else None,
        clock=lambda: now,
    )

    others, its = [at_hand.image.digest, plain.image.digest], [particular.image.digest]
    assert usual.given == (others if has_others else others + its)
    assert trivy.given == (its if has_others else [])
    assert Scan.objects.filter(outcome="succeeded").count() == 3


def test_an_engine_that_pulls_has_a_ticket_for_this_image_and_this_claim(
    account: Account, hostile: bad.Registry, now: datetime
) -> None:
    login = {"username": "reader", "password": "s3cret"}
    seen = in_registry(account, hostile, now, **login)
    assert seen.registry
    hostile.answers["/v2/team/eu/tags/list"] = behind_a_login
    tickets = []

    def pull(content: ImageContent, _: object) -> None:
        assert isinstance(content, Pullable)
        tickets.append(pulling.admitted(content.pull().authorization, now))

    pressed(seen, now)
    working.work(account_id=account.pk, scanner=Engine(pull), clock=lambda: now)

    scan = Scan.objects.get()
    assert tickets == [
        Ticket(
            account.pk, scan.pk, str(scan.claim), seen.registry.pk, "team/eu",
            seen.locator,
        )
    ]  # fmt: skip
    assert scan.outcome == "succeeded"


def behind_a_login(handler: bad.Handler) -> None:
    """Answer whoever gives a password."""
    challenge = bad.status(401, WWW_Authenticate='Basic realm="r"')
    known = "Authorization" in handler.headers
    (bad.document({"tags": ["1.0"]}) if known else challenge)(handler)


@pytest.mark.parametrize(
    ("left", "outcome"), [(MOMENT, "failed"), (timedelta(), "timed_out")]
)
def test_a_scan_that_fails_at_its_deadline_has_timed_out(
    account: Account, now: datetime, tmp_path: Path, left: timedelta, outcome: str
) -> None:
    seen, times = in_folder(account, tmp_path, now), [now]

    def fail(_: object, deadline: Callable[[], float]) -> None:
        times.append(now + timedelta(seconds=deadline()) - left)
        raise ScanFailed("The layer is broken. Pull it again.")

    pressed(seen, now)
    working.work(account_id=account.pk, scanner=Engine(fail), clock=lambda: times[-1])

    scan = Scan.objects.get()
    assert (scan.state, scan.outcome) == ("released", outcome)
    assert times[-1] == now + timedelta(seconds=scan.task.time_limit) - left


def test_each_image_has_the_whole_of_its_time_limit(
    account: Account, now: datetime, tmp_path: Path
) -> None:
    seen, times, left = three(account, tmp_path, now), [now], list[float]()

    def take_long(_: object, deadline: Callable[[], float]) -> None:
        left.append(deadline())
        times.append(times[-1] + timedelta(seconds=left[0] - 1))

    press(account, [each.image for each in seen], now)
    ended = working.work(
        account_id=account.pk, scanner=Engine(take_long), clock=lambda: times[-1]
    )

    assert ended == 3
    assert left == [DEFAULT_TIME_LIMIT] * 3
    assert Scan.objects.filter(state="settled").count() == 3


def test_what_ends_a_worker_ends_no_other_scan(
    account: Account, now: datetime, tmp_path: Path
) -> None:
    seen = three(account, tmp_path, now)
    engine = Engine()

    def fill_up(*_: object) -> None:
        if len(engine.given) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    engine.look = fill_up
    press(account, [each.image for each in seen], now)
    with pytest.raises(OSError, match="No space left"):
        working.work(account_id=account.pk, scanner=engine, clock=lambda: now)

    rows = Scan.objects.order_by("pk").values_list("state", "attempts")
    assert list(rows) == [("settled", 1), ("running", 1), ("queued", 0)]


def three(account: Account, folder: Path, now: datetime) -> list[Sighting]:
    return [in_folder(account, folder / name, now) for name in ("a", "b", "c")]


def test_an_image_that_is_seen_nowhere_is_not_looked_for_elsewhere(
    account: Account, now: datetime, tmp_path: Path
) -> None:
    in_folder(account, tmp_path, now)
    started(account, 1, now)  # of an image that is at no source
    engine = Engine()

    working.work(account_id=account.pk, scanner=engine, clock=lambda: now)

    scan = Scan.objects.get()
    assert (scan.outcome, scan.message) == ("failed", working.GONE)
    assert engine.given == []


def test_while_an_image_is_looked_into_a_thread_sees_to_its_lease_and_no_longer(
    account: Account, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "LOOK", 0.001)
    worker, twice = threading.current_thread(), threading.Event()
    beside: list[threading.Thread] = []
    outlived: list[threading.Thread] = []
    used = set()

    def look(*_: object) -> None:
        assert twice.wait(5)

    def stopping() -> bool:
        if threading.current_thread() is not worker:
            connection.ensure_connection()
            used.add(connections["default"])
            if beside:
                twice.set()
            beside.append(threading.current_thread())
            time.sleep(0.05)  # the worker is through while this lasts
        return False

    def clock() -> datetime:
        outlived.extend(thread for thread in beside if thread.is_alive())
        return now

    pressed(in_folder(account, tmp_path, now), now)
    working.work(
        account_id=account.pk, scanner=Engine(look), clock=clock, stopping=stopping
    )

    (thread,) = set(beside)
    assert thread.daemon  # a worker that is killed does not wait for it
    assert outlived == []
    assert [each.connection for each in used] == [None]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_ends_no_lease(
    account: Account,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(working, "LOOK", 0.001)
    worker, again = threading.current_thread(), threading.Event()
    asked = []

    def look(*_: object) -> None:
        assert again.wait(5)

    def stopping() -> bool:
        if threading.current_thread() is not worker:
            asked.append(run("SELECT pg_backend_pid()", {}))
            if len(asked) == 1:
                run("SELECT pg_terminate_backend(pg_backend_pid())", {})
            again.set()
        return False

    pressed(in_folder(account, tmp_path, now), now)
    ended = working.work(
        account_id=account.pk,
        scanner=Engine(look),
        clock=lambda: now,
        stopping=stopping,
    )

    assert ended == 1
    assert len(asked) > 1
    assert asked[1] != asked[0]
    assert "A lease could not be kept" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_is_given_back_is_kept_no_longer(
    account: Account, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "LOOK", 0.001)
    monkeypatch.setattr(working, "PATIENCE", timedelta())
    worker, asked = threading.current_thread(), threading.Event()
    times: list[threading.Thread] = []

    def look(*_: object) -> None:
        assert asked.wait(5)
        time.sleep(0.05)  # many times as long as between two looks

    def stopping() -> bool:
        if threading.current_thread() is not worker:
            times.append(threading.current_thread())
            asked.set()
        return bool(times)

    pressed(in_folder(account, tmp_path, now), now)
    ended = working.work(
        account_id=account.pk,
        scanner=Engine(look),
        clock=lambda: now,
        stopping=stopping,
    )

    assert (ended, len(times)) == (0, 1)
    assert Scan.objects.get().state == "queued"
