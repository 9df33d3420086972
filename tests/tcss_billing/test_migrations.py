"""Changes of tables while customers go on: what would make them wait is not let in."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from quota.services.reconciling import reconcile
from tcss_billing.management.commands import provision
from tests import databases
from tests.conftest import as_owner, require
from tests.lived import live

# The last ones from before anybody had a database with traffic.
BEFORE = {"accounts": "0015", "quota": "0044"}
# Not about locks, or seen to by ``provision`` for all of them.
LEFT_OUT = (
    "require-lock-timeout", "require-statement-timeout", "prefer-text-field",
    "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity",
    "prefer-robust-stmts", "prefer-timestamp-tz", "ban-drop-default",
)  # fmt: skip


@pytest.fixture(scope="module")
def squawk() -> str:
    """The linter, which comes as a wheel."""
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.exists() else shutil.which("squawk")
    require("squawk", found)
    return str(found)


def told(squawk: str, sql: str) -> Sequence[str]:
    """The rules that a change breaks."""
    command = [squawk, "--reporter", "json", "--pg-version", "15",
               "--exclude", ",".join(LEFT_OUT)]  # fmt: skip
    said = subprocess.run(
        command, input=sql, text=True, capture_output=True, check=False
    )
    return sorted({each["rule_name"] for each in json.loads(said.stdout)})


@pytest.mark.django_db(transaction=True)  # an index is made outside a transaction
def test_new_migrations_keep_nobody_waiting(squawk: str) -> None:
    loader = MigrationLoader(None)
    new = [
        (app, name)
        for app, name in sorted(loader.disk_migrations)
        if app in BEFORE and name[:4] > BEFORE[app]
    ]

    broken = {}
    for app, name in new:
        sql = io.StringIO()
        call_command("sqlmigrate", app, name, stdout=sql, no_color=True)
        if rules := told(squawk, sql.getvalue()):
            broken[f"{app}.{name}"] = rules

    assert broken == {}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX slow ON quota_scan (title);",
         "require-concurrent-index-creation"),
        ("ALTER TABLE quota_scan ADD CONSTRAINT c CHECK (cost_tenths > 0);",
         "constraint-missing-not-valid"),
        ("ALTER TABLE quota_scan ALTER COLUMN cost_tenths TYPE bigint;",
         "changing-column-type"),
        ("ALTER TABLE quota_scan RENAME COLUMN cost_tenths TO cost;",
         "renaming-column"),
    ],
)  # fmt: skip
def test_the_linter_sees_what_it_is_there_for(squawk: str, sql: str, rule: str) -> None:
    assert rule in told(squawk, sql)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_migration_does_not_wait_for_long_with_everybody_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provision, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(provision, "TRIES", 2)
    monkeypatch.setattr(provision, "PAUSE", 0)

    with as_owner() as other:
        other.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="in use by a long transaction"):
            call_command("provision", verbosity=0)

    call_command("provision", verbosity=0)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """A database of the test's own, in use until its end."""
    here = str(connections["default"].settings_dict["NAME"])
    name = f"{here}_elsewhere"
    databases.make(name)
    yield
    databases.use(here)
    databases.drop(name)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.usefixtures("elsewhere")
def test_new_migrations_can_be_taken_back_under_what_customers_have(
    now: datetime,
) -> None:
    live(now)

    for app, name in BEFORE.items():
        call_command("migrate", app, name, database="owner", verbosity=0)
    before = MigrationRecorder(connections["owner"]).applied_migrations()
    call_command("provision", verbosity=0)

    assert {app: max(n for a, n in before if a == app)[:4] for app in BEFORE} == BEFORE
    assert [proof for proof in reconcile() if proof.broken] == []
