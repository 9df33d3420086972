"""Findings for a spreadsheet and for a program, and text that a hostile image chose."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest
from django.test import Client

from accounts.models import Account
from quota.models import FindingGroup, Image, TriageState
from quota.scanners.port import Category, Severity
from quota.scanners.port import Finding as Found
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    account_with,
)
from tests.quota.found import decide, everything, scanned, weak

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
XSS = "<script>alert('x')</script>"


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3), quantity=30_000)


HOSTILE = {
    name: f"{XSS}{name}\x00\u202e\ud800"
    for name in ("title", "version", "fixed_version", "path", "layer", "evidence",
                 "source", "advice")
}  # fmt: skip


@pytest.mark.parametrize("category", list(Category))
def test_hostile_text_in_every_field_is_shown_as_text(
    signed_in: Client, account: Account, now: datetime, category: Category
) -> None:
    image = ImageFactory.create(account=account)
    hostile = Found(
        category, Severity.HIGH, f"{XSS}id\x00", package=f"{XSS}package\x00", **HOSTILE
    )
    scanned(account, [image], [hostile], now)
    group = FindingGroup.objects.get()
    decide(account, group, TriageState.ACCEPTED, now, note=XSS)
    place = {"kind": category.value, "tab": category.value}

    for page in (
        signed_in.get(url("findings", account), place),
        signed_in.get(url("finding", account, group.pk), {"image": image.pk}),
        signed_in.get(url("image", account, image.digest), place),
    ):
        content = page.content.decode()
        assert "<script>alert" not in content
        assert "&lt;script&gt;alert" in content
        assert "\u202e" not in content


def test_a_spreadsheet_takes_no_cell_for_a_formula(
    signed_in: Client, account: Account, now: datetime
) -> None:
    starts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    image = ImageFactory.create(account=account, name="=cmd|' /C calc'!A0")
    scanned(
        account, [image], [weak(f"{s}{n}", title=s) for n, s in enumerate(starts)], now
    )

    response = signed_in.get(url("findings-csv", account))

    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    text = response.getvalue().decode()
    heading, *rows = csv.reader(io.StringIO(text))
    assert heading[:3] == ["kind", "severity", "identifier"]
    assert len(rows) == 6
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row)


def test_an_export_of_one_image_holds_all_its_kinds(
    signed_in: Client, account: Account, now: datetime
) -> None:
    everything(now, account)
    scanned(account, [ImageFactory.create(account=account)], [weak("CVE-7")], now)
    image = Image.objects.order_by("pk")[0]

    response = signed_in.get(url("findings-json", account), {"image": image.pk})

    rows = json.loads(response.getvalue())
    assert len(rows) == 5
    assert {row["image_id"] for row in rows} == {image.digest}
    assert rows[-1]["triage"] == "Fixed elsewhere"
    assert "AKIA••••••••" in {row["evidence"] for row in rows}
