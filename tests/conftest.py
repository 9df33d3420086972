"""Fixtures: the database as the application sees it, one instant, one account."""

import fcntl
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.core.management import call_command
from django.db import ProgrammingError, connections
from django.test import Client, TransactionTestCase, override_settings
from psycopg import sql
from pytest_django import DjangoDbBlocker, Settings

from accounts.models import Account
from tcss_billing import embedded_postgres
from tcss_billing.state import home
from tests import databases
from tests.accounts import stripe_server
from tests.accounts.stripe_server import StripeServer
from tests.factories import account_with, creator_of

# What migrations write, and tests do not change.
KEPT = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "quota_tariff",
}
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Spread the whole suite over the cores, each with a database of its own. A part of
    it, or a benchmark, has this process to itself."""
    whole = config.args == config.getini("testpaths")
    return min(os.cpu_count() or 1, 4) if whole else 0


@pytest.fixture
def now() -> datetime:
    """The instant most tests take place at."""
    return NOW


@pytest.fixture
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    """The clock, stopped at that instant until it is moved."""
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def account(now: datetime) -> Account:
    """An account that bought its first pack three days ago."""
    return account_with(now=now - timedelta(days=3))


@pytest.fixture
def signed_in(client: Client, account: Account) -> Client:
    """A browser in which the account's creator is signed in."""
    client.force_login(creator_of(account))
    return client


@pytest.fixture
def _private_allowed() -> Iterator[None]:
    with override_settings(REGISTRIES_MAY_BE_PRIVATE=True):
        yield


@pytest.fixture
def stripe(settings: Settings) -> Iterator[StripeServer]:
    """A server of ours in Stripe's place, and the settings that lead to it."""
    with stripe_server.running() as server:
        settings.STRIPE_SECRET_KEY = stripe_server.SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = stripe_server.WEBHOOK_SECRET
        settings.STRIPE_URL = server.url
        yield server


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database of this run's own: made and migrated by the owner, used by the
    application's role, as in production."""
    name = f"test_{os.getpid()}"
    with django_db_blocker.unblock():
        databases.make(name)
    yield
    with django_db_blocker.unblock():
        for alias in connections:
            connections[alias].close()
        _drop(sql.Identifier(name))


def _drop(database: sql.Identifier) -> None:
    """Drop a run's database. A vacuum that runs in it is not the owner's to end; it
    soon ends by itself."""
    for last in (False, False, False, False, True):
        try:
            with connections["owner"]._nodb_cursor() as cursor:
                cursor.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database)
                )
        except ProgrammingError:
            if last:
                raise
            time.sleep(2)
        else:
            return


def as_owner() -> psycopg.Connection:
    """A connection of the owner's, from which Django keeps tests."""
    parameters = connections["owner"].get_connection_params()
    kept = ("host", "port", "user", "password", "dbname")
    return psycopg.connect(**{k: v for k, v in parameters.items() if k in kept})


def empty_the_database(test_case: TransactionTestCase) -> None:
    """Empty the tables as the owner: the application's role may not truncate them."""
    connections["default"].close()
    with as_owner() as owner:
        found = owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        names = sorted({name for (name,) in found} - KEPT)
        owner.execute(
            sql.SQL("TRUNCATE {} RESTART IDENTITY").format(
                sql.SQL(", ").join(sql.Identifier(name) for name in names)
            )
        )


@pytest.fixture(autouse=True, scope="session")
def _cheap_sign_in() -> Iterator[None]:
    """A real hash takes a third of a second on purpose, and staff give a second factor;
    few tests are about that."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STAFF_SECOND_FACTOR=False,
    ):
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files() -> None:
    """Pages name their files by content, as in production. Workers write the same
    folder one after the other."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(autouse=True, scope="session")
def _transactional_tests_are_emptied_by_the_owner() -> Iterator[None]:
    original = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = empty_the_database  # type: ignore[attr-defined]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[attr-defined]


def pytest_sessionfinish() -> None:
    """Leave no server behind that nobody else uses."""
    embedded_postgres.leave(home())


def require(tool: str, found: object) -> None:
    """Skip where a tool is missing, but fail in CI, which must have it."""
    if found:
        return
    message = f"{tool} is not installed; the README names it for the full suite."
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
