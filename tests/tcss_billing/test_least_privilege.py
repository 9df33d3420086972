"""What the application's database role cannot do, tried from outside all our code."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, connections
from psycopg import errors

from tcss_billing.rights import APPEND_ONLY, ONLY_READ
from tests.conftest import as_owner

pytestmark = pytest.mark.django_db
# Which refusals prove a missing right; "not found" would only prove a typing error.
NO_RIGHT = errors.InsufficientPrivilege


@pytest.fixture
def raw() -> Iterator[psycopg.Connection]:
    """A connection of that role, with nothing of Django's around it."""
    parameters = connection.get_connection_params()
    kept = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(
        **{k: v for k, v in parameters.items() if k in kept}, autocommit=True
    ) as made:
        yield made


def refused(raw: psycopg.Connection, statement: str) -> None:
    with pytest.raises(NO_RIGHT):
        raw.execute(statement.encode())


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} ADD COLUMN more int",
        "DROP TABLE {}",
        "CREATE RULE quiet AS ON INSERT TO {} DO INSTEAD NOTHING",
        "CREATE POLICY own ON {}",
        "MERGE INTO {0} USING {0} AS o ON false WHEN MATCHED THEN DELETE",
        "INSERT INTO {} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1",
    ],
)
def test_what_is_written_once_stays(
    raw: psycopg.Connection, table: str, statement: str
) -> None:
    refused(raw, statement.format(table))


@pytest.mark.parametrize("table", ONLY_READ)
def test_what_only_migrations_write_stays(raw: psycopg.Connection, table: str) -> None:
    for statement in (
        "UPDATE {} SET id = id", "DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES",
    ):  # fmt: skip
        refused(raw, statement.format(table))


def test_no_table_is_emptied_changed_or_dropped(raw: psycopg.Connection) -> None:
    tables = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = [name for (name,) in tables.fetchall()]

    assert len(names) > 40
    for name in names:
        for statement in ("TRUNCATE {}", "DROP TABLE {}", "ALTER TABLE {} RENAME TO x"):
            refused(raw, statement.format(name))


@pytest.mark.parametrize(
    "statement",
    [
        # Making things, of which each could be run by somebody mightier later.
        "CREATE TABLE public.mine (id int)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION quota_know_tables() RETURNS void"
        " LANGUAGE sql AS 'SELECT'",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE EXTENSION citext",
        "CREATE PUBLICATION all_of_it FOR ALL TABLES",
        "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION mine()",
        # Becoming somebody else.
        "CREATE ROLE mine",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER ROLE CURRENT_USER CREATEROLE",
        "ALTER ROLE CURRENT_USER REPLICATION",
        "SET ROLE {owner}",
        "SET SESSION AUTHORIZATION {owner}",
        "GRANT {owner} TO CURRENT_USER",
        "GRANT pg_read_all_data TO CURRENT_USER",
        "ALTER ROLE {owner} PASSWORD 'mine'",
        # Going around triggers and constraints.
        "SET session_replication_role = replica",
        "ALTER TABLE quota_quotawindow DROP CONSTRAINT window_never_overdrawn",
        "ALTER TABLE accounts_account DISABLE TRIGGER ALL",
        # Reading what is not the application's.
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT * FROM pg_user_mapping",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT * FROM pg_hba_file_rules",
        "SELECT lo_import('/etc/passwd')",
        # The machine around the database.
        "COPY accounts_user TO PROGRAM 'cat'",
        "COPY accounts_user FROM PROGRAM 'cat'",
        "COPY accounts_user TO '/tmp/users'",
        "COPY accounts_user FROM '/etc/passwd'",
        "SELECT lo_export(1, '/tmp/object')",
        "LOAD '/tmp/mine.so'",
        # The server and the others on it.
        "ALTER SYSTEM SET fsync = off",
        "ALTER DATABASE {database} SET lock_timeout = 0",
        "ALTER ROLE ALL SET lock_timeout = 0",
        "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
        "ALTER ROLE CURRENT_USER SET log_statement = none",
        "SELECT pg_reload_conf()",
        "SELECT pg_rotate_logfile()",
        "SELECT pg_switch_wal()",
        "SELECT pg_create_physical_replication_slot('mine')",
        "SELECT pg_promote()",
        "CHECKPOINT",
        "COMMENT ON TABLE accounts_account IS 'mine'",
    ],
)
def test_it_does_nothing_but_its_work(raw: psycopg.Connection, statement: str) -> None:
    owner = connections["owner"].settings_dict
    filled = statement.format(owner=owner["USER"], database=owner["NAME"])

    refused(raw, filled)


def test_it_ends_nobody_elses_session(raw: psycopg.Connection) -> None:
    with as_owner() as owner:
        pid = owner.info.backend_pid

        refused(raw, f"SELECT pg_terminate_backend({pid})")
        refused(raw, f"SELECT pg_cancel_backend({pid})")


def test_no_function_lends_it_more_than_it_says(raw: psycopg.Connection) -> None:
    """A function with its owner's rights must name where it looks things up."""
    rows = raw.execute(
        "SELECT p.proname, coalesce(p.proconfig::text, '') FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'public' AND p.prosecdef"
    )

    assert [
        name for name, settings in rows if "search_path=pg_catalog" not in settings
    ] == []


def test_it_has_no_attribute_and_is_in_no_group(raw: psycopg.Connection) -> None:
    attributes = raw.execute(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
        " OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    groups = raw.execute(
        "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = current_user"
    ).fetchone()
    owned = raw.execute(
        "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE r.rolname = current_user"
    ).fetchone()

    assert (attributes, groups, owned) == ((False,), (0,), (0,))


def test_every_table_with_such_a_trigger_has_the_right_taken_too() -> None:
    """The law is told twice, for the role and for everybody else: the lists agree."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'append_only'"
        )
        guarded = {name for (name,) in cursor.fetchall()}

    assert guarded == set(APPEND_ONLY)
