"""What every answer carries, what is refused unread, and what never leaves."""

import csv
import io
import json
import logging
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as configured
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from environs import FileAwareEnv
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pytest_django import Settings
from pytest_django.asserts import assertContains

from accounts.models import Account, Letter, SecondFactor, User
from accounts.services import letters
from accounts.spreadsheets import DANGEROUS
from quota.models import FindingGroup, Image, Registry
from quota.scanners.matching import is_affected
from quota.scanners.packages import Package
from quota.services import advising
from tcss_billing import databases
from tcss_billing.watching import logs
from tests.addresses import addresses, everything
from tests.factories import UserFactory, creator_of
from tests.lived import Lived, live

pytestmark = pytest.mark.django_db
REPORT = {
    "csp-report": {
        "document-uri": "https://scan.example/a/x/images?token=canary-1",
        "blocked-uri": "https://evil.example/a.js?canary-2",
        "violated-directive": "script-src\nERROR forged",
    }
}


@pytest.fixture
def lived(now: datetime) -> Iterator[Lived]:
    with time_machine.travel(now, tick=False):
        yield live(now)


def report(client: Client, body: object, kind: str = "application/csp-report") -> Any:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/csp-reports", sent, content_type=kind)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (REPORT, "application/csp-report"),
        ([{"type": "csp-violation", "body": {
            "documentURL": "https://scan.example/a/x/images?token=canary-1",
            "blockedURL": "https://evil.example/a.js?canary-2",
            "effectiveDirective": "script-src\nERROR forged"}}],
         "application/reports+json"),
    ],
)  # fmt: skip
def test_what_a_browser_refused_is_one_line_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture, body: object, kind: str
) -> None:
    client.handler.enforce_csrf_checks = True

    assert report(client, body, kind).status_code == 204

    (said,) = [r.getMessage() for r in caplog.records if r.name.endswith("csp_reports")]
    assert "https://evil.example/a.js" in said
    assert "canary" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"\xff", 400), (b"[" * 9_000, 400), ([], 204),
        ({"csp-report": 1}, 204),
        ([1, None], 204), ({"csp-report": {"blocked-uri": "http://[x"}}, 204),
        (b" " * 16_385, 413),
    ],
)  # fmt: skip
def test_whatever_else_is_reported_breaks_nothing(
    client: Client, body: object, status: int
) -> None:
    assert report(client, body).status_code == status


def test_reports_of_one_address_are_limited(client: Client) -> None:
    answers = [report(client, REPORT).status_code for _ in range(21)]

    assert answers == [204] * 20 + [429]


def test_every_answer_carries_the_headers(lived: Lived) -> None:
    client = Client()
    client.force_login(creator_of(lived.account))
    bare = []
    for each in addresses():
        response = client.get(lived.path(each))
        carried = {
            "Content-Security-Policy": "report-to csp",
            "Reporting-Endpoints": "/csp-reports",
            "Permissions-Policy": "camera=()",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "",
        }
        bare += [
            (each.name, name)
            for name, words in carried.items()
            if words not in response.headers.get(name, "missing")
        ]

    assert bare == []


@pytest.mark.parametrize("path", ["/sign-in", "/profile/name", "/admin/", "/nowhere"])
@pytest.mark.parametrize("length", ["2500001", "9" * 50, "-1", "x"])
def test_a_body_longer_than_any_form_is_refused_unread(
    client: Client, path: str, length: str
) -> None:
    response = client.post(path, CONTENT_LENGTH=length)

    assertContains(response, "longer than 2.5 MB", status_code=413)


def test_a_file_is_thrown_away(client: Client, lived: Lived, tmp_path: Path) -> None:
    client.force_login(creator_of(lived.account))
    file = io.BytesIO(b"x" * 2_000_000)
    file.name = "name"

    response = client.post("/profile/name", {"name": "Mei", "other": file})

    assert response.status_code == 302
    assert not response.wsgi_request.FILES


def test_a_session_gets_a_new_key_as_somebody_signs_in(client: Client) -> None:
    user = UserFactory.create()
    client.get("/sign-in")
    session = client.session
    session["kept"] = "by whoever fixed it"
    session.save()
    before = session.session_key or ""
    client.cookies[configured.SESSION_COOKIE_NAME] = before
    data = {"username": user.email, "password": "correct horse"}

    client.post("/sign-in", data)

    assert client.session.session_key != before
    assert not client.session.exists(before)


def test_cookies_are_for_us_alone(client: Client) -> None:
    user = UserFactory.create()
    client.get("/sign-in")
    client.post("/sign-in", {"username": user.email, "password": "correct horse"})

    session = client.cookies[configured.SESSION_COOKIE_NAME]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert client.cookies[configured.CSRF_COOKIE_NAME]["samesite"] == "Lax"


@pytest.mark.parametrize(
    "password", ["short7!", "password1", "20261124", "mei.tanaka@example"]
)
def test_a_weak_password_is_refused(client: Client, password: str) -> None:
    mei = UserFactory.create(email="mei.tanaka@example.com", name="Mei Tanaka")
    client.force_login(mei)

    response = client.post(
        "/profile/password", {"current": "correct horse", "password": password}
    )

    assert response.status_code == 422


def test_secrets_come_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "SECRET_KEY": "from-a-file",
        "CREDENTIAL_KEYS": "one,two",
        "DATABASE_URL": "postgres://app:from-a-file@db/tcss",
        "DATABASE_OWNER_URL": "postgres://owner:from-a-file@db/tcss",
    }
    for name, value in secrets.items():
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        monkeypatch.delenv(name, raising=False)
    env = FileAwareEnv(strip_whitespace=True)

    assert env.str("SECRET_KEY") == "from-a-file"
    assert env.list("CREDENTIAL_KEYS") == ["one", "two"]
    found = databases.configured(env)
    assert {each["PASSWORD"] for each in found.values()} == {"from-a-file"}
    assert {each["USER"] for each in found.values()} == {"app", "owner"}


def test_nothing_secret_reaches_the_log_whatever_happens(
    lived: Lived, now: datetime, settings: Settings
) -> None:
    """Everything is logged, as chattily as can be, while secrets are typed, mailed,
    stored and mistyped."""
    said = io.StringIO()
    handlers = [logging.StreamHandler(said), logging.StreamHandler(said)]
    for handler, formatter in zip(handlers, (logs.Json(), logs.Plain()), strict=True):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    before, level = logging.getLogger().level, logging.DEBUG
    logging.getLogger().setLevel(level)
    try:
        secrets = _live_dangerously(lived, now)
    finally:
        logging.getLogger().setLevel(before)
        for handler in handlers:
            logging.getLogger().removeHandler(handler)

    assert len(said.getvalue().splitlines()) > 20
    assert [each for each in secrets if each in said.getvalue()] == []


def _live_dangerously(lived: Lived, now: datetime) -> list[str]:
    client = Client(raise_request_exception=False)
    user = creator_of(lived.account)
    right = {"username": user.email, "password": "correct horse"}
    client.post("/sign-in", {**right, "password": "canary-mistyped"})
    client.post("/sign-in", right)
    client.post("/profile/password", {"current": "correct horse", "password": "canary"})
    client.post("/profile/second-factor/begin", {"current": "correct horse"})
    client.get("/profile/second-factor")
    secret = SecondFactor.objects.get().secret.reveal()
    client.post("/profile/second-factor/confirm", {"digits": "000000"})
    client.post(
        reverse("quota:connect-registry", args=[lived.account.slug]),
        {"name": "r", "type": "docker", "address": "https://u:canary-url@r.invalid",
         "username": "u", "password": "canary-registry"},
    )  # fmt: skip
    client.post("/forgot-password", {"email": user.email})
    letter = Letter.objects.filter(kind="password_reset").latest("pk")
    link = re.search(r"/set-password/(\S+)/(\S+)", letters.compose(letter, now).text)
    invite = letters.compose(Letter.objects.filter(kind="invite").latest("pk"), now)
    invited = re.search(r"/invite/(\S+)", invite.text)
    assert link
    assert invited
    elsewhere = ["/confirm/canary-token", "/nowhere?password=canary-query"]
    for path in (link[0], invited[0], f"{link[0]}/x", f"{invited[0]}/x", *elsewhere):
        client.get(path)
        client.put(path)
    report(client, REPORT)
    session = client.cookies[configured.SESSION_COOKIE_NAME].value
    return ["canary", "correct horse", secret, link[2], invited[1], session]


FORMULAS: dict[type[Model], tuple[str, ...]] = {
    Account: ("name",),
    User: ("name",),
    Image: ("name", "tag", "repository"),
    Registry: ("name",),
    FindingGroup: ("title", "package"),
}


def test_no_cell_of_any_export_is_a_formula(lived: Lived) -> None:
    for model, columns in FORMULAS.items():
        for number, column in enumerate(columns):
            danger = f"{DANGEROUS[number]}HYPERLINK(1)"
            model._base_manager.update(**{column: danger})
    client = Client()
    client.force_login(creator_of(lived.account))
    admin = Client()
    admin.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    exports = [(client, each) for each in addresses() if each.name.endswith("csv")]
    exports += [(admin, each) for each in everything() if each.name.endswith("_csv")]

    formulas, cells = [], 0
    for who, each in exports:
        response: Any = who.get(lived.path(each))
        assert response.status_code == 200, each.name
        text = b"".join(response).decode()
        for cell in (cell for row in csv.reader(io.StringIO(text)) for cell in row):
            cells += 1
            is_number = re.fullmatch(r"[-+\u2212]?[$]?[\d,]+(\.\d+)?", cell)
            if cell.lstrip(" ").startswith(DANGEROUS) and not is_number:
                formulas.append((each.name, cell))

    assert formulas == []
    assert len(exports) > 20
    assert cells > 500


def ours() -> Iterator[Distribution]:
    """What is installed because we ask for it."""
    seen: set[str] = set()
    waiting = ["tcss-billing"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        yield found
        for text in found.requires or ():
            wanted = Requirement(text)
            if not wanted.marker or wanted.marker.evaluate({"extra": ""}):
                waiting.append(wanted.name.lower().replace("_", "-"))


def _package(name: str, version: str) -> Package:
    return Package("PyPI", name, version, source=name, path="", layer="")


def test_nothing_we_depend_on_is_known_to_be_weak() -> None:
    """By the advisories that ship; SECURITY.md names the command that asks for more."""
    advising.load_starter()
    installed = {each.name.lower().replace("_", "-"): each.version for each in ours()}
    known = advising.StoredAdvisories().affecting({"PyPI": frozenset(installed)})

    weak = [
        (name, installed[name], each.identifier)
        for (_, name), affected in known.items()
        for each in affected
        if is_affected(_package(name, installed[name]), "PyPI", each)
    ]

    assert weak == []
    assert len(installed) > 30
    assert known, "The starter set knows none of them, so this proves nothing."


def test_a_refusal_that_no_view_words_is_a_page_and_no_500(client: Client) -> None:
    client.force_login(UserFactory.create())

    response = client.post("/profile/second-factor/confirm", {"digits": "123456"})
    again = client.post("/profile/second-factor/codes", {"current": "correct horse"})

    assertContains(response, "nothing to confirm", status_code=409)
    assertContains(again, "There is no second factor.", status_code=409)


def test_the_lock_holds_all_we_ask_for_by_hash() -> None:
    """Written anew by ``uv pip compile --universal --generate-hashes --all-extras
    --no-header --no-annotate pyproject.toml -o requirements.lock``."""
    root = Path(configured.BASE_DIR)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [Requirement(each) for each in project["dependencies"]]
    asked += [Requirement(each) for extra in extras for each in extra]
    lines = (root / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    locked = {}
    for line in lines:
        wanted, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(wanted.strip())
        assert hashes, f"{requirement.name} has no hash."
        locked[canonicalize_name(requirement.name)] = str(requirement.specifier)

    lost = [
        str(each)
        for each in asked
        if not each.specifier.contains(
            locked.get(canonicalize_name(each.name), "0").lstrip("=")
        )
    ]

    assert lost == []
    assert len(locked) > 60
