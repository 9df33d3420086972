"""The Harbor scanner API, in front of a real HTTP server that speaks it."""

from datetime import date

from quota.scanners import Completed, Engines
from quota.scanners.harbor import HarborScanner
from quota.scanners.http_api import Api
from quota.scanners.port import (
    Assessment,
    Category,
    Finding,
    Report,
    Severity,
)
from tests.quota.scanners.harbor_server import (
    NEW,
    OCI,
    OLD,
    WEAK,
    Engine,
)
from tests.quota.scanners.in_registry import (
    ALL,
    DIGEST,
    VULNERABILITIES,
    InRegistry,
    scan,
)
from tests.quota.scanners.test_builtin import OPENSSL, Facts


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
