"""The plan by which the tables could be spread over machines."""

import io
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import CommandError, call_command

from tcss_billing import distributing
from tcss_billing.distributing import STAFFS_OWN, Plan
from tests.conftest import as_owner
from tests.tcss_billing import test_catalogue

pytestmark = pytest.mark.django_db
# What a cluster would do, so that everything around it runs here too.
STAND_INS = """
CREATE FUNCTION pg_temp.create_reference_table(regclass) RETURNS void
    LANGUAGE sql AS '';
CREATE FUNCTION pg_temp.create_distributed_table(
    regclass, text, colocate_with text DEFAULT NULL) RETURNS void LANGUAGE sql AS '';
"""


@pytest.fixture
def plan() -> Plan:
    return distributing.plan()


@pytest.fixture
def scratch(db: None) -> Iterator[psycopg.Connection]:
    """The whole schema, to be changed and taken back."""
    with as_owner() as owner:
        owner.execute("SET LOCAL lock_timeout = '20s'")
        owner.execute(STAND_INS)
        yield owner
        owner.rollback()


def here(statement: str) -> str | None:
    """The statement as plain PostgreSQL takes it; None for what only a cluster has."""
    if statement.startswith("CREATE EXTENSION"):
        return None
    return statement.replace("SELECT create_", "SELECT pg_temp.create_")


def test_every_table_appears_once(plan: Plan) -> None:
    with as_owner() as owner:
        rows = owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        tables = {name for (name,) in rows}

    placed = Counter([*plan.distributed, *plan.reference, *plan.local])

    assert set(placed) == tables
    assert set(placed.values()) == {1}


def test_what_belongs_to_a_customer_goes_with_the_account(plan: Plan) -> None:
    assert {"quota_image", "quota_ledgerentry", "accounts_account"} <= {
        *plan.distributed
    }
    assert plan.reference == ["accounts_user", "quota_tariff"]
    assert set(plan.local) >= STAFFS_OWN | {"procrastinate_jobs", "django_session"}
    assert STAFFS_OWN == test_catalogue.STAFFS_OWN


def test_each_is_spread_once_beside_the_account_and_after_what_it_needs(
    plan: Plan,
) -> None:
    spread = [each for each in plan.statements if "create_" in each]

    for table in (*plan.distributed, *plan.reference):
        assert len([each for each in spread if f"'{table}'" in each.split(",")[0]]) == 1
    first = spread.index("SELECT create_distributed_table('accounts_account', 'id')")
    assert all("create_reference_table" in each for each in spread[:first])
    assert all("=> 'accounts_account'" in each for each in spread[first + 1 :])


def test_the_statements_run_and_leave_keys_that_a_cluster_takes(
    plan: Plan, scratch: psycopg.Connection
) -> None:
    for statement in filter(None, map(here, plan.statements)):
        scratch.execute(statement.encode())

    primary = scratch.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'p' AND connamespace = 'public'::regnamespace"
    )
    by_account = {
        table for table, words in primary if words == "PRIMARY KEY (account_id, id)"
    }
    assert by_account == {*plan.distributed} - {"accounts_account"}
    keys = scratch.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text,"
        " pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    ).fetchall()
    owned = {*plan.distributed}
    assert [key for key in keys if key[1] in owned and key[0] not in owned] == []
    assert [
        key
        for key in keys
        if key[0] in owned
        and key[1] in owned - {"accounts_account"}
        and not key[2].startswith("FOREIGN KEY (account_id, ")
    ] == []
    unique = scratch.execute(
        "SELECT indexrelid::regclass::text, indrelid::regclass::text FROM pg_index x"
        " WHERE x.indisunique AND NOT EXISTS (SELECT FROM pg_attribute a WHERE"
        " a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)"
        " AND a.attname = 'account_id')"
    )
    lost = {index for index, table in unique if table in owned - {"accounts_account"}}
    assert lost == set()


def test_what_cannot_go_along_is_named(plan: Plan) -> None:
    assert any("accounts_account (slug)" in each for each in plan.by_hand)
    assert any("accounts_letter no longer" in each for each in plan.by_hand)
    assert len([each for each in plan.by_hand if "is unique" in each]) == 1


def test_it_prints_a_script_and_does_nothing_else() -> None:
    said = io.StringIO()

    call_command("distribute", plan=True, stdout=said)

    lines = said.getvalue().splitlines()
    assert all(line.startswith("-- ") or line.endswith(";") for line in lines)
    assert len(lines) > 150
    with pytest.raises(CommandError, match="--plan"):
        call_command("distribute")
