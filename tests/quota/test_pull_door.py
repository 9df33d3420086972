"""Engines that pull by themselves: never the customer's password, and only one image.

Real pulls by skopeo, from Debian's registry behind a login, through the console.
"""

import base64
import json
import logging
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from quota.models import Finding, Image, Kind, Registry, Scan
from quota.scanners.harbor import HarborScanner
from quota.scanners.http_api import Api
from quota.scanners.trivy import TrivyScanner
from quota.services import pulling, registries, working
from quota.services.pulling import Ticket
from quota.sources.content import SourceError
from tcss_billing.demo.images import write_image
from tests.factories import account_with, finish, press
from tests.quota.scanners.bolt import write_trivy_database
from tests.quota.scanners.harbor_server import Engine, served
from tests.quota.scanners.pulling_engine import PullingEngine
from tests.quota.scanners.test_builtin import DEBIAN, DPKG
from tests.quota.scanners.test_trivy import real_trivy
from tests.registries.acts import connect, connect_real, sync
from tests.registries.hostile import endless, hostile_registry
from tests.registries.real import (
    PASSWORD,
    RealRegistry,
    real_registry,
    token_service,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_private_allowed")]
FILES = {"etc/os-release": DEBIAN, "etc/debian_version": b"12.5\n"}
LONG_LIVED = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """A registry that knows only a password, with two images."""
    folder = tmp_path_factory.mktemp("real")
    with real_registry(folder / "registry", login=True, tls=True) as registry:
        for tag in ("1.0", "2.0"):
            layers = [FILES, {"var/lib/dpkg/status": DPKG, "etc/tag": tag.encode()}]
            write_image(folder / "l", tag=tag, layers=layers)
            registry.push(folder / "l", tag, f"team/app:{tag}")
        yield registry


@pytest.fixture
def account() -> Account:
    return account_with(now=timezone.now() - timedelta(days=3))


@dataclass
class Running:
    """One image of a registry, whose scan a worker has begun."""

    account: Account
    registry: Registry
    scan: Scan
    other: Image

    @property
    def ticket(self) -> Ticket:
        (seen,) = self.scan.image.sightings.all()
        return Ticket(
            self.account.pk, self.scan.pk, str(self.scan.claim), self.registry.pk,
            seen.name, seen.locator,
        )  # fmt: skip

    def header(self, **changes: Any) -> dict[str, str]:
        """What the engine signs in with."""
        way = pulling.issue(self.ticket._replace(**changes))
        return {"HTTP_AUTHORIZATION": way.authorization}


@pytest.fixture
def running(account: Account, real: RealRegistry) -> Running:
    now = timezone.now()
    registry = connect_real(account, real, now)
    assert sync(registry, now).outcome == "done"
    first, other = Image.objects.order_by("repository_tag")
    press(account, [first], now, Kind.REPOSITORY)
    assert working.claim(account_id=account.pk, limit=1, now=now)
    return Running(account, registry, Scan.objects.get(), other)


def blobs(client: Client, running: Running) -> list[str]:
    at = f"/v2/team/app/manifests/{running.ticket.digest}"
    body = json.loads(client.get(at, **running.header()).content)  # type: ignore[arg-type]
    return [each["digest"] for each in (body["config"], *body["layers"])]


def scanned(account: Account, engine: Engine) -> Scan:
    """Press on the first image and have a worker scan it through the engine."""
    now = timezone.now()
    image = Image.objects.order_by("repository_tag")[0]
    press(account, [image], now, Kind.REPOSITORY)
    working.work(
        account_id=account.pk,
        scanner=HarborScanner(Api(engine.address)),
        clock=timezone.now,
    )
    return Scan.objects.get()


@pytest.mark.django_db(transaction=True)
def test_an_engine_pulls_through_us_and_never_sees_the_password(
    account: Account,
    real: RealRegistry,
    live_server: LiveServer,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.SCANNER_PULL_URL = live_server.url
    registry = connect_real(account, real, timezone.now())
    sync(registry, timezone.now())

    with served(PullingEngine(folder=tmp_path)) as engine:
        scan = scanned(account, engine)

    assert (engine.problem, scan.outcome) == ("", "succeeded")
    (found,) = Finding.objects.all()
    assert (found.package, found.layer) == ("openssl", "2 of 2")
    told = engine.told["registry"]
    assert told["url"] == live_server.url
    assert LONG_LIVED not in json.dumps(engine.told)
    assert PASSWORD not in base64.b64decode(told["authorization"][6:]).decode()
    # The scan is over, and with it what the engine was given.
    assert "unauthorized" in engine.pull(tmp_path / "again").lower()


@pytest.mark.django_db(transaction=True)
def test_the_real_trivy_pulls_through_us_as_harbor_has_it_do(
    running: Running, live_server: LiveServer, settings: Settings, tmp_path: Path
) -> None:
    settings.SCANNER_PULL_URL = live_server.url
    write_trivy_database(tmp_path / "cache")
    way = pulling.issue(running.ticket)
    user, _, password = base64.b64decode(way.authorization[6:]).decode().partition(":")
    told = {
        "TRIVY_USERNAME": user, "TRIVY_PASSWORD": password,
        "TRIVY_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path),
    }  # fmt: skip
    host = way.url.partition("://")[2]

    done = subprocess.run(
        [
            real_trivy(), "image", "--quiet", "--format", "json", "--scanners", "vuln",
            "--skip-db-update", "--offline-scan", "--image-src", "remote", "--insecure",
            f"{host}/team/app@{running.ticket.digest}",
        ],
        env=told, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "CVE-2026-31844" in done.stdout


@pytest.mark.django_db(transaction=True)
def test_our_own_trivy_scans_an_image_of_a_registry(
    account: Account,
    real: RealRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_trivy_database(tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(tmp_path / "cache"))
    now = timezone.now()
    sync(connect_real(account, real, now), now)
    press(account, [Image.objects.order_by("pk")[0]], now, Kind.REPOSITORY)

    working.work(
        account_id=account.pk, scanner=TrivyScanner(real_trivy()), clock=timezone.now
    )

    assert Scan.objects.get().outcome == "succeeded", Scan.objects.get().message
    (found,) = Finding.objects.all()
    assert (found.identifier, found.layer) == ("CVE-2026-31844", "2 of 2")


@pytest.mark.django_db(transaction=True)
def test_where_a_registry_has_tokens_the_engine_pulls_there_with_one(
    account: Account, tmp_path: Path
) -> None:
    with (
        token_service(tmp_path) as tokens,
        real_registry(tmp_path, tokens=tokens) as registry,
        served(PullingEngine(folder=tmp_path)) as engine,
    ):
        write_image(tmp_path / "l", tag="1", layers=[FILES])
        registry.push(tmp_path / "l", "1", "team/app:1")
        sync(connect_real(account, registry, timezone.now()), timezone.now())

        scan = scanned(account, engine)

    assert (engine.problem, scan.outcome) == ("", "succeeded")
    told = engine.told["registry"]
    assert told["url"] == registry.address
    assert told["authorization"].startswith("Bearer ")


def test_a_ticket_reads_its_own_image(client: Client, running: Running) -> None:
    header: Any = running.header()

    ping = client.get("/v2/", **header)
    manifest = client.get(f"/v2/team/app/manifests/{running.ticket.digest}", **header)
    parts = blobs(client, running)
    config = client.get(f"/v2/team/app/blobs/{parts[0]}", **header)

    assert ping.status_code == 200
    assert manifest.headers["Docker-Content-Digest"] == running.ticket.digest
    assert len(parts) == 3
    assert config.streaming
    assert json.loads(b"".join(config))["os"] == "linux"
    for path, whole in (
        (f"blobs/{parts[0]}", config),
        (f"manifests/{running.ticket.digest}", manifest),
    ):
        head = client.head(f"/v2/team/app/{path}", **header)
        assert head.headers["Content-Length"] == whole.headers["Content-Length"]
        assert head.content == b""


def test_a_ticket_reads_nothing_else(client: Client, running: Running) -> None:
    header: Any = running.header()
    (other,) = running.other.sightings.all()
    other_header: Any = running.header(digest=other.locator)
    shown = client.get(f"/v2/team/app/manifests/{other.locator}", **other_header)
    (*_, top) = json.loads(shown.content)["layers"]

    for path in (
        f"team/app/manifests/{other.locator}",
        "team/app/manifests/1.0",
        f"team/app/blobs/{top['digest']}",
        f"team/app/blobs/{'../' * 3}catalog",
        f"other/app/manifests/{running.ticket.digest}",
        "_catalog",
        "team/app/tags/list",
    ):
        assert client.get(f"/v2/{path}", **header).status_code == 404, path
    for write in (client.post, client.put, client.patch, client.delete):
        at = f"/v2/team/app/manifests/{running.ticket.digest}"
        assert write(at, **header).status_code == 405


def ended(running: Running) -> None:
    Scan.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))


def claimed_anew(running: Running) -> None:
    Scan.objects.update(state="queued", claim=None, lease_until=None)
    working.claim(account_id=running.account.pk, limit=1, now=timezone.now())


def finished(running: Running) -> None:
    Scan.objects.update(state="queued", claim=None, lease_until=None)
    finish(running.account, timezone.now(), fails=True)


@pytest.mark.parametrize("over", [ended, claimed_anew, finished])
def test_a_ticket_ends_with_its_scan(
    client: Client, running: Running, over: Callable[[Running], None]
) -> None:
    header: Any = running.header()
    assert client.get("/v2/", **header).status_code == 200

    over(running)

    refused = client.get("/v2/", **header)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: "",
        lambda told: told.replace("Basic", "Bearer"),
        lambda told: told[:-8],
        lambda told: told[:-8] + "AAAAAAAA",
        lambda told: "Basic é",
        lambda told: f"Basic {LONG_LIVED}",
        lambda told: f"Basic {base64.b64encode(bytes(range(256))).decode()}",
    ],
)
def test_what_is_no_ticket_opens_nothing_and_is_kept_nowhere(
    client: Client,
    running: Running,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[str], str],
) -> None:
    caplog.set_level(logging.DEBUG)
    told = spoil(running.header()["HTTP_AUTHORIZATION"])

    answer = client.get("/v2/", HTTP_AUTHORIZATION=told)

    assert answer.status_code == 401
    assert not told or told[6:] not in caplog.text + answer.content.decode()


def test_a_disconnected_registry_is_no_longer_pulled_from(
    client: Client, running: Running
) -> None:
    header: Any = running.header()
    (part, *_) = blobs(client, running)
    registries.remove(registry=running.registry)

    answer = client.get(f"/v2/team/app/blobs/{part}", **header)

    assert answer.status_code == 404


def test_a_pull_limit_counts_here_too(client: Client, running: Running) -> None:
    Registry.objects.update(pull_limit=1, pulls=1, hour_began_at=timezone.now())
    header: Any = running.header()

    answer = client.get(f"/v2/team/app/manifests/{running.ticket.digest}", **header)

    assert answer.status_code == 429
    assert "pull limit" in answer.content.decode()


def test_a_layer_longer_than_its_manifest_says_is_cut_off(
    client: Client, account: Account
) -> None:
    digest, now = f"sha256:{'d' * 64}", timezone.now()
    with hostile_registry() as hostile:
        hostile.holds_described([(digest, 100_000, f"sha256:{'e' * 64}")])
        hostile.answers[f"/v2/team/app/blobs/{digest}"] = endless(200)
        registry = connect(account, hostile.address, now)
        sync(registry, now)
        press(account, [Image.objects.get()], now, Kind.REPOSITORY)
        working.claim(account_id=account.pk, limit=1, now=now)
        scan = Scan.objects.get()
        header: Any = Running(account, registry, scan, scan.image).header()

        answer = client.get(f"/v2/team/app/blobs/{digest}", **header)
        passed: list[bytes] = []
        with pytest.raises(SourceError, match="larger than its manifest says"):
            passed.extend(answer)
        answer.close()

    assert sum(map(len, passed)) <= 100_000
