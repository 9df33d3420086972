"""Statements of months: they prove themselves, and closed ones never change."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from quota import statements
from quota.models import LedgerEntry, QuotaWindow, StatementSeal
from quota.pages.statement import statement_page
from quota.rules.statement import verify
from quota.services.reconciling import reconcile
from quota.services.sealing import seal_closed
from quota.services.windows import lapse_ended
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = pytest.mark.django_db
URL = "/a/halden-pay/usage/statements"
AFTER = timedelta(days=40)


@pytest.fixture
def account(now: datetime) -> Account:
    """Two images scanned in the first of two months, one of them twice, one failed."""
    account = account_with(now=now, zone="Asia/Singapore", months=3)
    images = ImageFactory.create_batch(3, account=account)
    press(account, images[:2], now)
    finish(account, now)
    press(account, images[:1], now + timedelta(days=1))
    finish(account, now + timedelta(days=1))
    press(account, images[2:], now + timedelta(days=1))
    finish(account, now + timedelta(days=1), fails=True)
    return account


@pytest.fixture
def window(account: Account) -> QuotaWindow:
    return QuotaWindow.objects.select_related("tariff", "pack").order_by("number")[0]


@pytest.fixture
def closed(window: QuotaWindow, now: datetime) -> Iterator[QuotaWindow]:
    with time_machine.travel(now + AFTER, tick=False):
        lapse_ended(now=now + AFTER)
        seal_closed(clock=lambda: now + AFTER)
        window.refresh_from_db()
        yield window


def get(client: Client, window: QuotaWindow, ending: str) -> bytes:
    answer = client.get(f"{URL}/{window.pk}{ending}")
    assert answer.status_code == 200
    if answer.streaming:
        return b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return answer.content


def test_the_json_proves_itself_and_is_the_ledger(
    client: Client, account: Account, closed: QuotaWindow
) -> None:
    client.force_login(member_of(account))

    text = get(client, closed, ".json").decode()

    proved = verify(StringIO(text))
    assert proved.closing == {
        "type": "closing",
        "entries": 10,
        "granted_tenths": 3_000,
        "used_tenths": 21,
        "held_tenths": 0,
        "lapsed_tenths": 2_979,
        "revoked_tenths": 0,
        "left_tenths": 0,
    }
    numbers = [each["line"].get("entry") for each in json.loads(text)["lines"]]
    entries = LedgerEntry.objects.filter(window=closed).order_by("pk")
    assert numbers[1:-1] == list(entries.values_list("pk", flat=True))


def test_a_closed_month_has_the_same_bytes_whatever_is_renamed(
    client: Client, account: Account, closed: QuotaWindow, now: datetime
) -> None:
    client.force_login(member_of(account))
    before = [get(client, closed, ending) for ending in (".json", ".pdf")]

    account.name, account.zone = "Another name", "America/New_York"
    account.save(update_fields=["name", "zone"])
    press(account, ImageFactory.create_batch(2, account=account), now + AFTER)
    finish(account, now + AFTER)

    assert [get(client, closed, ending) for ending in (".json", ".pdf")] == before


def test_page_and_paper_print_the_hashes_of_the_file(
    client: Client, account: Account, closed: QuotaWindow
) -> None:
    client.force_login(member_of(account))
    proved = verify(StringIO(get(client, closed, ".json").decode()))

    page = get(client, closed, "").decode()
    paper = statement_page(account, closed)

    assert f'id="tail">{proved.tail}<' in page
    assert proved.head in page
    assert "does not change any more" in page
    assert (paper.head, paper.tail) == (proved.head, proved.tail)
    assert [row.what for row in paper.rows] == [
        "300 granted, 2 first scans",
        "1 repeat scan, 1 scan returned",
        "297.9 unused removed",
    ]
    assert paper.rows[-1].left == "0.0"


def test_an_open_month_is_provisional_and_hashed_while_it_is_short(
    account: Account, window: QuotaWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = statement_page(account, window)
    assert not page.is_closed
    assert page.head
    assert page.tail

    monkeypatch.setattr("quota.pages.statement.HASHED", 3)
    assert statement_page(account, window).tail == ""


def test_a_month_is_sealed_once_and_only_when_it_is_closed(
    closed: QuotaWindow, now: datetime
) -> None:
    (seal,) = StatementSeal.objects.all()
    assert (seal.window_id, seal.entries) == (closed.pk, 10)

    assert seal_closed(clock=lambda: now + AFTER) == 0
    lapse_ended(now=now + 2 * AFTER)
    assert seal_closed(clock=lambda: now + 2 * AFTER) == 1
    assert not [proof.claim for proof in reconcile() if proof.broken]


def test_a_month_that_holds_quota_is_not_sealed(
    account: Account, window: QuotaWindow, now: datetime
) -> None:
    press(
        account,
        [ImageFactory.create(account=account)],
        window.ends_at - timedelta(minutes=1),
    )
    lapse_ended(now=now + AFTER)

    assert seal_closed(clock=lambda: now + AFTER) == 0
    finish(account, now + AFTER)
    assert seal_closed(clock=lambda: now + AFTER) == 1


def test_a_sealed_month_takes_no_entry(closed: QuotaWindow, now: datetime) -> None:
    entry = LedgerEntry(
        account_id=closed.account_id,
        window=closed,
        kind="lapse",
        scan=7,
        tenths=1,
        free_after_tenths=0,
        created_at=now,
    )

    with (
        pytest.raises(IntegrityError, match="sealed_month_takes_no_entry"),
        transaction.atomic(),
    ):
        entry.save()


@pytest.mark.parametrize("sql", ["UPDATE {} SET entries = 0", "DELETE FROM {}"])
def test_a_seal_is_never_changed(closed: QuotaWindow, sql: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format("quota_statementseal"))


def test_stretches_of_other_months_are_stepped_over(
    account: Account, window: QuotaWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(statements.statement_lines(window))

    monkeypatch.setattr(statements, "APART", 0)
    monkeypatch.setattr(statements, "CHUNK", 1)

    assert list(statements.statement_lines(window)) == whole


def test_the_command_proves_a_file_and_refuses_another(
    client: Client, account: Account, closed: QuotaWindow, tmp_path: Path
) -> None:
    client.force_login(member_of(account))
    file, spoiled = tmp_path / "good.json", tmp_path / "bad.json"
    file.write_bytes(get(client, closed, ".json"))
    spoiled.write_text(file.read_text().replace('"tenths":10', '"tenths":11', 1))
    out = StringIO()

    call_command("verify_statement", str(file), stdout=out)

    assert "The statement is proved." in out.getvalue()
    assert "10 entries, 21 tenths used, 0 left" in out.getvalue()
    with pytest.raises(CommandError, match="is not the one that was written"):
        call_command("verify_statement", str(spoiled))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_statement", str(tmp_path / "none.json"))


def test_months_that_have_begun_are_listed_and_others_are_not_there(
    client: Client, account: Account, closed: QuotaWindow, now: datetime
) -> None:
    client.force_login(member_of(account))
    with CaptureQueriesContext(connection) as queries:
        page = client.get(URL).content.decode()

    assert page.count(f'href="{URL}/') == 2
    assert page.count("Closed</span>") == 1
    assert len(queries) <= 10
    last = QuotaWindow.objects.order_by("number")[2]
    assert client.get(f"{URL}/{last.pk}").status_code == 404
    assert client.get(f"{URL}/{9**25}.json").status_code == 404


def test_a_stranger_gets_none_of_it(
    client: Client, account: Account, window: QuotaWindow, now: datetime
) -> None:
    client.force_login(creator_of(account_with(now=now, slug="other")))

    for slug in ("halden-pay", "other"):
        for ending in ("", ".json", ".pdf"):
            url = f"/a/{slug}/usage/statements/{window.pk}{ending}"
            assert client.get(url).status_code == 404
