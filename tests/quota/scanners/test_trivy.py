"""The Trivy adapter, in front of a program that answers as Trivy does."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from quota.scanners import Completed, UnknownScanner, chosen
from quota.scanners.port import Assessment, Category, Report, ScanFailed, Severity
from quota.scanners.trivy import TrivyScanner
from quota.sources import open_source
from tcss_billing.demo.images import EICAR, write_image
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

    scanner = chosen("trivy", advisories=Facts(OPENSSL), trivy_path=path)

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
        ('echo "not json" > "$out"', "report cannot be read"),
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
        chosen("clam", advisories=Facts(), trivy_path=missing)
    with pytest.raises(UnknownScanner, match="not installed"):
        chosen("trivy", advisories=Facts(), trivy_path=missing)


def test_auto_without_trivy_is_builtin(tmp_path: Path) -> None:
    scanner = chosen("auto", advisories=Facts(), trivy_path=str(tmp_path / "trivy"))

    assert scanner.name == "builtin"
