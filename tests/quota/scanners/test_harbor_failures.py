"""Engines behind the Harbor scanner API that fail: a reason, and quota given back."""

from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.utils import timezone
from procrastinate import JobContext
from pytest_django import Settings

from quota import tasks
from quota.models import Finding as FindingRow
from quota.models import Image, ImageSource, QuotaWindow, Scan
from quota.scanners import Engines, Missing, UnknownScanner
from quota.scanners.port import (
    Category,
    Report,
    ScanFailed,
    Scanner,
    Severity,
)
from quota.services import syncing, working
from quota.sources.content import ImageContent
from tcss_billing.demo.images import write_image
from tests.factories import account_with, press
from tests.quota.scanners.harbor_server import (
    Engine,
    drip,
    pour,
    send,
)
from tests.quota.scanners.in_registry import ALL, LAYERS, InRegistry, scan
from tests.quota.scanners.test_builtin import OPENSSL, Facts


def says(status: int, said: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, status, said)


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


class FromRegistry:
    """Opens each image as one that is in a registry."""

    name = "from a registry"

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner

    def capabilities(self) -> frozenset[Category]:
        return ALL

    def scan(
        self,
        image: ImageContent,
        categories: frozenset[Category],
        deadline: Callable[[], float],
    ) -> Report:
        return self._scanner.scan(InRegistry(image), categories, deadline)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/metadata", says(500, {"error": {"message": "No\x1b[31m database."}}),
         r"answered 500: No\[31m database\. Scan again"),
        ("/metadata", says(302, None), "answered 302"),
        ("/metadata", says(200, [1]), "cannot be read"),
        ("/metadata", garbage, "as a web server does"),
        ("/scan", says(422, {"error": {"message": "x" * 9000}}), "answered 422: x+"),
        ("/scan", says(200, {"id": "7"}), "answered 200"),
        ("/scan", says(202, {"id": "../../admin"}), "named no scan"),
        ("/scan", says(202, {"id": 7}), "named no scan"),
        ("/report", says(404, None), "answered 404. Scan again"),
        ("/report", says(500, "no object"), "answered 500. Scan again"),
        ("/report", says(200, {}), "lists no vulnerabilities"),
        ("/report", says(200, {"vulnerabilities": 7}), "lists no vulnerabilities"),
        ("/report", says(200, {"vulnerabilities": [{}] * 50_001}), "more than 50,000"),
        ("/report", says(200, {"artifact": {"digest": f"sha256:{'b' * 64}"},
                               "vulnerabilities": []}), "on another image"),
        ("/report", pour, "larger than allowed"),
    ],
)  # fmt: skip
def test_an_engine_that_fails_is_a_reason_of_bounded_length(
    engine: Engine,
    image: InRegistry,
    path: str,
    answer: Callable[[BaseHTTPRequestHandler], None],
    words: str,
) -> None:
    engine.override = {path: answer}

    with pytest.raises(ScanFailed, match=words) as failure:
        scan(engine, image)

    assert len(str(failure.value)) <= 300
    assert str(failure.value).isprintable()


@pytest.mark.parametrize("path", ["/metadata", "/report"])
def test_an_engine_that_drips_is_cut_off_at_the_deadline(
    engine: Engine, image: InRegistry, path: str
) -> None:
    engine.override = {path: drip}

    with pytest.raises(ScanFailed, match="did not answer in time"):
        scan(engine, image, seconds=0.5)


def test_an_engine_that_never_finishes_is_given_up_at_the_deadline(
    engine: Engine, image: InRegistry
) -> None:
    engine.pending = 10_000

    with pytest.raises(ScanFailed, match="within the time limit"):
        scan(engine, image, seconds=0.2)


def test_an_address_where_nobody_listens_is_a_reason(image: InRegistry) -> None:
    with pytest.raises(ScanFailed, match="it refused the connection"):
        scan(Engine(address="http://127.0.0.1:1"), image)


def test_a_registry_that_gives_no_leave_is_a_reason(
    engine: Engine, image: InRegistry
) -> None:
    image.refuses = "The registry's login failed. Check the password."

    with pytest.raises(ScanFailed, match="login failed"):
        scan(engine, image)


def test_text_of_a_report_is_one_printable_line(
    engine: Engine, image: InRegistry
) -> None:
    engine.vulnerabilities = [
        {
            "id": "CVE-1\x00\u202e",
            "package": ["no", "text"],
            "severity": {"no": "word"},
            "description": "<img src=x onerror=alert(1)>\r\n\tmore " + "y" * 9000,
        },
        7,
        {"package": "has no identifier"},
    ]

    (weak,) = scan(engine, image).findings

    assert (weak.identifier, weak.package) == ("CVE-1", "")
    assert weak.severity is Severity.UNKNOWN
    assert weak.title.startswith("<img src=x onerror=alert(1)> more yyy")
    assert len(weak.title) == 300


@pytest.mark.parametrize(
    "address",
    [
        "",
        "scanner:8080",
        "ftp://scanner",
        "http://",
        "http://u:p@scanner",
        "http://a:b",
    ],
)
def test_a_setting_that_is_no_address_fails_every_scan_with_a_sentence(
    image: InRegistry, address: str
) -> None:
    engines = Engines(Facts(), harbor_url=address)
    with pytest.raises(UnknownScanner, match="HARBOR_SCANNER_URL"):
        engines.chosen("harbor")

    missing = engines.usable("harbor")

    assert isinstance(missing, Missing)
    with pytest.raises(ScanFailed, match=r"HARBOR_SCANNER_URL.*then scan again"):
        missing.scan(image, ALL, lambda: 30)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("broken", "used"), [(False, 10), (True, 0)])
def test_a_scan_through_the_engine_settles_or_gives_its_quota_back(
    engine: Engine, tmp_path: Path, now: datetime, broken: bool, used: int
) -> None:
    account = account_with(now=now)
    write_image(tmp_path / "app", tag="1", layers=LAYERS)
    ImageSource.objects.create(
        account=account, kind="oci-layout", location=str(tmp_path)
    )
    syncing.update_local_images(account=account, now=now)
    press(account, list(Image.objects.all()), now)
    if broken:
        engine.override = {"/report": says(500, {"error": {"message": "No room"}})}
    scanner = Engines(Facts(OPENSSL), harbor_url=engine.address).usable("harbor")

    working.work(
        account_id=account.pk, scanner=FromRegistry(scanner), clock=lambda: now
    )

    scan = Scan.objects.get()
    assert scan.state == ("released" if broken else "settled")
    assert ("No room" in scan.message) is broken
    window = QuotaWindow.objects.get(starts_at=now)
    assert (window.used_tenths, window.held_tenths) == (used, 0)
    assert FindingRow.objects.filter(package="openssl").exists() is not broken


@pytest.mark.django_db(transaction=True)
def test_a_setting_whose_engine_is_missing_gives_the_quota_back_with_a_sentence(
    tmp_path: Path, settings: Settings
) -> None:
    now = timezone.now()
    settings.SCANNER, settings.HARBOR_SCANNER_URL = "harbor", ""
    account = account_with(now=now)
    write_image(tmp_path / "app", tag="1", layers=LAYERS)
    ImageSource.objects.create(
        account=account, kind="oci-layout", location=str(tmp_path)
    )
    syncing.update_local_images(account=account, now=now)
    press(account, list(Image.objects.all()), now)

    tasks.work(
        cast(JobContext, SimpleNamespace(should_abort=lambda: False)), account.pk
    )

    scan = Scan.objects.get()
    assert scan.state == "released"
    assert scan.message.startswith("SCANNER is harbor, but HARBOR_SCANNER_URL is not")
    assert not QuotaWindow.objects.filter(held_tenths__gt=0).exists()
