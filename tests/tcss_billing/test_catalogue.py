"""Every table of a customer can be told apart, and distributed, by its account.

The database's own catalogue is asked, not the models: what counts is what is there.
"""

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db

# Tables that name an account but belong to the back office.
STAFFS_OWN = {"accounts_auditentry", "accounts_banktransfer", "quota_invoicenumber"}


def ask(sql: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def owned(db: None) -> set[str]:
    """The tables whose rows belong to one account."""
    rows = ask(
        """
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account_id'
        """
    )
    return {table for (table,) in rows} - STAFFS_OWN


def test_the_account_of_a_row_is_never_missing(owned: set[str]) -> None:
    rows = ask(
        """
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account_id'
          AND is_nullable = 'YES'
        """
    )

    assert {table for (table,) in rows} & owned == set()


def test_each_table_can_be_pointed_at_together_with_its_account(
    owned: set[str],
) -> None:
    rows = ask(
        """
        SELECT tablename FROM pg_indexes
        WHERE schemaname = 'public'
          AND indexdef LIKE 'CREATE UNIQUE INDEX % USING btree (account_id, id)'
        """
    )

    assert owned - {table for (table,) in rows} == set()


def test_each_unique_key_begins_with_the_account(owned: set[str]) -> None:
    rows = ask(
        """
        SELECT t.relname, i.relname
        FROM pg_index x
        JOIN pg_class t ON t.oid = x.indrelid
        JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE (x.indisunique OR x.indisexclusion) AND NOT x.indisprimary
          AND a.attname IS DISTINCT FROM 'account_id'
        """
    )

    assert [(table, key) for table, key in rows if table in owned] == []


def test_each_key_to_another_table_of_the_account_includes_the_account(
    owned: set[str],
) -> None:
    rows = ask(
        """
        SELECT conrelid::regclass::text, confrelid::regclass::text,
               pg_get_constraintdef(oid)
        FROM pg_constraint WHERE contype = 'f'
        """
    )

    crossing = [
        f"{child}: {definition}"
        for child, parent, definition in rows
        if child in owned
        and parent in owned
        and not definition.startswith("FOREIGN KEY (account_id, ")
    ]
    assert crossing == []


def test_each_relation_between_them_is_such_a_key(owned: set[str]) -> None:
    held = ask(
        """
        SELECT conrelid::regclass::text, a.attname
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
        WHERE c.contype = 'f'
        """
    )
    related = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if model._meta.db_table in owned
        and field.related_model
        and field.related_model._meta.db_table in owned
    }

    assert related - set(held) == set()
