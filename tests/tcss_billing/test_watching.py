"""What an operator sees: probes, figures, and a log to search."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Account, Notice
from quota.models import LedgerEntry, ReconcileRun
from quota.pages.vitals import vitals
from quota.services import canary
from tcss_billing.watching import logs
from tcss_billing.watching.probes import Probes
from tests.conftest import as_owner
from tests.factories import ImageFactory, account_with, creator_of, press


@pytest.fixture
def probes() -> Probes:
    """Probes that have not looked yet."""
    return Probes(lambda request: HttpResponse("the console", status=404))


def get(probes: Probes, path: str, **headers: str) -> HttpResponse:
    return probes(RequestFactory(headers=headers).get(path))


def test_health_asks_nobody(probes: Probes) -> None:
    assert get(probes, "/healthz").status_code == 200  # without a database


@pytest.mark.django_db
def test_a_probe_comes_by_any_address_and_in_maintenance(
    client: Client, settings: Settings
) -> None:
    settings.MAINTENANCE_UNTIL = "03:30"
    settings.SECURE_SSL_REDIRECT = True

    alive = client.get("/healthz", headers={"Host": "10.0.0.7:8000"})
    ready = client.get("/readyz", headers={"Host": "10.0.0.7:8000"})

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.content == b"maintenance until 03:30\n"


@pytest.mark.django_db
def test_readiness_goes_through_the_charge_and_leaves_nothing(probes: Probes) -> None:
    response = get(probes, "/readyz")

    assert response.status_code == 200
    assert not Account.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert not Notice.objects.exists()


@pytest.mark.django_db
def test_a_canary_holds_uses_and_returns(now: datetime) -> None:
    kinds: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if sql == "SET CONSTRAINTS ALL IMMEDIATE":
            rows = LedgerEntry.objects.order_by("pk").values_list("kind", flat=True)
            kinds.extend(rows)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        canary.charge(now=now)

    assert sorted(kinds) == ["grant", "hold", "hold", "release", "settle"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("breaks", "mends"),
    [
        ("REVOKE INSERT ON quota_ledgerentry FROM tcss_app",
         "GRANT INSERT ON quota_ledgerentry TO tcss_app"),
        ("ALTER TABLE quota_scan RENAME TO mislaid",
         "ALTER TABLE mislaid RENAME TO quota_scan"),
    ],
)  # fmt: skip
def test_what_would_stop_a_charge_is_not_ready(
    probes: Probes, breaks: str, mends: str
) -> None:
    connection.close()
    with as_owner() as owner:
        owner.execute(breaks.encode())
    try:
        response = get(probes, "/readyz")
    finally:
        connection.close()
        with as_owner() as owner:
            owner.execute(mends.encode())

    assert response.status_code == 503
    assert response.content.startswith(b"not ready: ")
    assert get(Probes(probes.answer), "/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_server_that_only_reads_is_not_ready(probes: Probes) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")

    response = get(probes, "/readyz")

    connection.close()
    assert response.content == b"not ready: InternalError 25006\n"


@pytest.mark.django_db
def test_many_who_ask_at_once_send_one_canary(
    probes: Probes, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    get(probes, "/readyz")

    with django_assert_num_queries(0):
        assert get(probes, "/readyz").status_code == 200


@pytest.mark.django_db
def test_figures_are_for_this_machine_or_who_has_the_token(
    probes: Probes, settings: Settings
) -> None:
    assert get(probes, "/metrics").content == b"the console"

    settings.METRICS = True
    assert b"tcss_oldest_due_job_seconds" in get(probes, "/metrics").content
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    assert get(probes, "/metrics", **proxied).content == b"the console"

    settings.METRICS_TOKEN = "a long enough token"
    bearer = {"Authorization": "Bearer a long enough token"}
    assert get(probes, "/metrics").content == b"the console"
    assert get(probes, "/metrics", **proxied, **bearer).status_code == 200


@pytest.mark.django_db
def test_figures_say_what_waits_and_for_how_long(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    account = account_with(now=now)
    press(account, ImageFactory.create_batch(3, account=account), now)
    ReconcileRun.objects.create(
        started_at=now, ended_at=now, claims=28, checked=1, broken={"a": ["b"]}
    )

    with django_assert_num_queries(10):
        found = list(vitals(now + timedelta(seconds=90)))

    figures = {(each.name, *each.labels.values()): each.value for each in found}
    assert figures["tcss_holds", "queued"] == 3
    assert figures["tcss_held_tenths",] == 30
    assert figures["tcss_oldest_unclaimed_seconds",] == 90
    assert figures["tcss_reconcile_age_seconds",] == 90
    assert figures["tcss_reconcile_broken_claims",] == 1
    assert figures["tcss_jobs", "default", "todo"] > 0
    assert figures["tcss_messages", "notice", "email", "queued"] > 0


@pytest.mark.django_db
def test_requests_are_counted_by_route(client: Client, settings: Settings) -> None:
    settings.METRICS = True

    client.get(reverse("accounts:sign-in"))
    client.generic("MADE-UP", "/no/such/page")

    figures = client.get("/metrics").content.decode()
    assert 'tcss_request_seconds_count{method="GET",route="accounts:sign-in"' in figures
    assert 'tcss_request_seconds_count{method="other",route="none"' in figures
    assert "MADE-UP" not in figures


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Json())
    root, requests = logging.getLogger(), logging.getLogger("tcss.requests")
    before = requests.level
    root.addHandler(handler)
    requests.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    requests.setLevel(before)


@pytest.mark.django_db
def test_a_request_is_one_line_with_who_and_what(
    client: Client, log: io.StringIO, now: datetime
) -> None:
    account = account_with(now=now)
    user = creator_of(account)
    client.force_login(user)

    response = client.get(reverse("quota:usage", args=[account.slug]))

    line = json.loads(log.getvalue().splitlines()[-1])
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert line["route"] == "quota:usage"
    assert (line["account"], line["user"]) == (account.slug, user.pk)
    assert (line["status"], line["level"]) == (200, "INFO")
    assert line["queries"] > 0
    assert line["ms"] >= line["query_ms"] > 0


@pytest.mark.django_db
def test_djangos_own_lines_name_the_request_too(
    client: Client, log: io.StringIO
) -> None:
    response = client.get("/invite/a-token-nobody-knows")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["tcss.requests", "django.request"]
    assert {line["request_id"] for line in lines} == {response.headers["X-Request-ID"]}
    assert "a-token-nobody-knows" not in log.getvalue()


@pytest.mark.django_db
def test_a_session_that_cannot_be_read_is_one_failure_and_is_logged(
    client: Client, log: io.StringIO, now: datetime
) -> None:
    client.force_login(creator_of(account_with(now=now)))
    client.raise_request_exception = False

    def fails(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "django_session" in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails):
        response = client.get(reverse("home"))

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert response.status_code == 500
    assert {line["request_id"] for line in lines} == {response.headers["X-Request-ID"]}
    assert sum("exc_info" in line for line in lines) == 1


def test_a_proxys_name_is_kept_if_it_can_be_one(
    client: Client, settings: Settings
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    kept, refused = (
        client.get("/sign-out", headers={"X-Request-ID": name})
        for name in ("ray-7f3a9c", "x\ny{}")
    )

    assert kept.headers["X-Request-ID"] == "ray-7f3a9c"
    assert refused.headers["X-Request-ID"] != "x\ny{}"


@pytest.mark.django_db
def test_what_broke_is_found_by_the_code_on_the_page(
    client: Client, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("accounts.views.signing.SignIn.get", None)

    response = client.get(reverse("accounts:sign-in"))

    code = response.headers["X-Request-ID"]
    assert response.status_code == 500
    assert f"Code {code}." in response.content.decode()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    broken = [line for line in lines if "exc_info" in line]
    assert [line["request_id"] for line in broken] == [code]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer c2VjcmV0LWNhbmFyeQ",
        "postgres://tcss_app:secret-canary@db/tcss",
        "POST /set-password/MQ/secret-canary",
        "GET /invite/secret-canary?x=1",
        '{"password": "secret-canary"}',
        "sessionid=secret-canary; csrftoken=secret-canary",
        "key sk_live_secretcanary",
        "signed with the-settings-own-secret",
    ],
)
def test_no_secret_reaches_the_log(text: str, settings: Settings) -> None:
    settings.SMS_SECRET = "the-settings-own-secret"

    said = [
        formatter.format(logging.makeLogRecord({"msg": text, "levelname": "INFO"}))
        for formatter in (logs.Json(), logs.Plain())
    ]

    for line in said:
        assert "[redacted]" in line
        assert "canary" not in line
        assert "c2VjcmV0" not in line
        assert "own-secret" not in line
