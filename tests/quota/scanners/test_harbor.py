"""The Harbor scanner API, in front of a real HTTP server that speaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
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
from quota.scanners import Completed, Engines, Missing, UnknownScanner
from quota.scanners.harbor import HarborScanner
from quota.scanners.http_api import Api
from quota.scanners.port import (
    Assessment,
    Category,
    Finding,
    Report,
    ScanFailed,
    Scanner,
    Severity,
)
from quota.services import syncing, working
from quota.sources import open_source
from quota.sources.content import ImageContent, Pull, SourceError
from tcss_billing.demo.images import FAKE_KEY, write_image
from tests.factories import account_with, press
from tests.quota.scanners.harbor_server import (
    NEW,
    OCI,
    OLD,
    WEAK,
    Engine,
    drip,
    pour,
    send,
    served,
)
from tests.quota.scanners.test_builtin import DEBIAN, DPKG, OPENSSL, Facts

ALL = frozenset(Category)
VULNERABILITIES = frozenset({Category.VULNERABILITIES})
DIGEST = f"sha256:{'a' * 64}"
LAYERS = [{"etc/os-release": DEBIAN}, {"var/lib/dpkg/status": DPKG, "x": FAKE_KEY}]


@dataclass(slots=True)
class InRegistry:
    """A real image, as if it had been found in a registry."""

    content: ImageContent
    media_type: str = OCI
    refuses: str = ""
    digest: str = ""
    config: Any = field(default_factory=dict)
    layers: Any = ()

    def __post_init__(self) -> None:
        self.digest = self.content.digest
        self.config, self.layers = self.content.config, self.content.layers

    def pull(self) -> Pull:
        """Where it would be."""
        if self.refuses:
            raise SourceError(self.refuses)
        return Pull(
            "https://registry.example",
            "team/app",
            DIGEST,
            self.media_type,
            "Bearer abc",
        )

    def write_layout(self, folder: Path) -> None:
        """As the image does."""
        self.content.write_layout(folder)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with served(Engine()) as engine:
        yield engine


@pytest.fixture
def image(tmp_path: Path) -> Iterator[InRegistry]:
    write_image(tmp_path / "app", tag="1", layers=LAYERS)
    source = open_source("oci-layout", str(tmp_path))
    (found,) = source.find()
    with source.open(found.locator) as content:
        yield InRegistry(content)


def scan(
    engine: Engine,
    image: ImageContent,
    categories: frozenset[Category] = VULNERABILITIES,
    seconds: float = 30,
) -> Report:
    return HarborScanner(Api(engine.address)).scan(image, categories, lambda: seconds)


def of(report: Report, category: Category) -> Assessment:
    (found,) = [each for each in report.assessments if each.category is category]
    return found


def test_a_report_becomes_findings_dated_and_named_after_the_engine(
    engine: Engine, image: InRegistry
) -> None:
    engine.vulnerabilities = [{**WEAK, "layer": {"digest": image.layers[1].digest}}]

    report = scan(engine, image)

    (weak,) = report.findings
    assert weak == Finding(
        category=Category.VULNERABILITIES,
        severity=Severity.CRITICAL,
        identifier="CVE-2026-31844",
        title="Out-of-bounds write",
        package="openssl",
        version="3.0.15-1",
        fixed_version="3.0.17-1",
        layer="2 of 2",
        source="Trivy 0.59.1",
        advice=(
            "Upgrade openssl from 3.0.15-1 to 3.0.17-1 or later in layer 2 of 2, then"
            " rebuild the image."
        ),
    )
    found = of(report, Category.VULNERABILITIES)
    assert (found.engine, found.data_date) == ("Trivy 0.59.1", date(2026, 11, 20))
    assert found.assessed
    assert found.not_assessed


def test_the_engine_is_told_where_to_pull_and_waited_for(
    engine: Engine, image: InRegistry
) -> None:
    scan(engine, image)

    posts = [said for method, *_, said in engine.asked if method == "POST"]
    assert posts == [
        {
            "registry": {
                "url": "https://registry.example",
                "authorization": "Bearer abc",
            },
            "artifact": {
                "repository": "team/app", "digest": DIGEST, "mime_type": OCI,
            },
            "enabled_capabilities": [
                {"type": "vulnerability", "produces_mime_types": [NEW]}
            ],
        }
    ]  # fmt: skip
    reports = [each for each in engine.asked if each[1].endswith("/report")]
    # Two answers sent elsewhere, to a port where nobody listens.
    assert len(reports) == 3
    assert {path for _, path, *_ in reports} == {"/api/v1/scan/3fa85f64-5717/report"}
    assert reports[0][2]["Accept"] == NEW


def test_an_engine_of_the_first_version_is_asked_for_its_report(
    engine: Engine, image: InRegistry
) -> None:
    engine.metadata = {
        "scanner": {"name": "Clair"},
        "capabilities": [
            {
                "consumes_mime_types": [OCI],
                "produces_mime_types": [OLD.replace(" ", "")],
            }
        ],
    }

    report = scan(engine, image)

    assert of(report, Category.VULNERABILITIES).engine == "Clair"
    assert of(report, Category.VULNERABILITIES).data_date is None
    assert engine.asked[-1][2]["Accept"] == OLD


def test_the_operators_key_goes_to_the_operators_address(
    engine: Engine, image: InRegistry
) -> None:
    headers = {"X-ScannerAdapter-API-Key": "key"}
    scanner = HarborScanner(Api(f"{engine.address}/base/", headers))

    scanner.scan(image, VULNERABILITIES, lambda: 30)

    assert all(path.startswith("/base/api/v1/") for _, path, *_ in engine.asked)
    keys = [headers["X-ScannerAdapter-API-Key"] for *_, headers, _ in engine.asked]
    assert set(keys) == {"key"}
    assert "key" not in repr(scanner) + repr(Api(engine.address, headers))
    assert "abc" not in repr(image.pull())


def test_what_the_engine_lacks_is_completed_by_builtin(
    engine: Engine, image: InRegistry
) -> None:
    scanner = Engines(Facts(OPENSSL), harbor_url=engine.address).chosen("harbor")

    report = scanner.scan(image, ALL, lambda: 30)

    assert isinstance(scanner, Completed)
    assert all(each.assessed for each in report.assessments)
    assert of(report, Category.VULNERABILITIES).engine == "Trivy 0.59.1"
    assert of(report, Category.TROJANS).engine.startswith("builtin")
    assert {each.identifier for each in report.findings} == {
        "CVE-2026-31844",
        "aws-access-key",
    }


def test_a_local_image_is_said_to_be_in_no_registry_and_left_to_builtin(
    engine: Engine, image: InRegistry
) -> None:
    scanner = Engines(Facts(OPENSSL), harbor_url=engine.address).chosen("harbor")

    report = scanner.scan(image.content, ALL, lambda: 30)

    found = of(report, Category.VULNERABILITIES)
    assert found.engine.startswith("builtin")
    assert found.note == (
        "This image is in no registry, from which the engine could pull it"
    )
    assert of(report, Category.TROJANS).note == ""
    assert engine.asked == []


def test_an_engine_for_other_images_leaves_them_to_builtin(
    engine: Engine, image: InRegistry
) -> None:
    image.media_type = "application/vnd.example+json"

    found = of(scan(engine, image), Category.VULNERABILITIES)

    assert not found.assessed
    assert "makes no vulnerability report" in found.note


def says(status: int, said: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: send(handler, status, said)


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


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
