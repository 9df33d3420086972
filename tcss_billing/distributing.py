"""How the tables are spread over machines by account: the statements for Citus.

Read off the database's own catalogue: a table of customers is one with a required
``account_id``. Such tables are distributed by it; what they point at beside each other
is kept on every machine; the rest stays on the coordinator.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tcss_billing.rights import APPEND_ONLY

ACCOUNT = "accounts_account"
# Tables that name an account but belong to the back office (test_catalogue).
STAFFS_OWN = frozenset(
    {"accounts_auditentry", "accounts_banktransfer", "quota_invoicenumber"}
)
TABLES = """
SELECT c.relname, EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND a.attnotnull)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
ORDER BY 1
"""
KEYS = """
SELECT conname, conrelid::regclass::text, confrelid::regclass::text,
       pg_get_constraintdef(oid)
FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 2, 1
"""
TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace ORDER BY 1, 2
"""
UNIQUE = """
SELECT t.relname, i.relname, x.indisprimary, coalesce(k.conname, ''),
       array(SELECT a.attname FROM unnest(x.indkey) WITH ORDINALITY AS n(num, place)
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = n.num
             ORDER BY n.place)::text[]
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')
WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Key:
    """One foreign key."""

    name: str
    child: str
    parent: str
    definition: str


@dataclass(frozen=True)
class Unique:
    """One unique index, and the constraint that it serves, if any."""

    table: str
    index: str
    is_primary: bool
    constraint: str
    columns: Sequence[str]


@dataclass
class Plan:
    """Which table goes where, and the statements in order."""

    distributed: list[str]
    reference: list[str]
    local: list[str]
    statements: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)


def plan() -> Plan:
    """Read the catalogue and word the plan. Changes nothing."""
    tables = [(str(name), bool(is_owned)) for name, is_owned in _ask(TABLES)]
    keys = [Key(*row) for row in _ask(KEYS)]
    owned = {name for name, is_owned in tables if is_owned} - STAFFS_OWN | {ACCOUNT}
    shared = _reference(owned, keys)
    made = Plan(
        sorted(owned),
        sorted(shared),
        [name for name, _ in tables if name not in owned | shared],
    )
    uniques = [Unique(*row) for row in _ask(UNIQUE) if row[0] in owned]
    going = [key for key in keys if {key.child, key.parent} & owned]
    kept = [key for key in going if key.child in owned]
    made.statements = [
        "CREATE EXTENSION IF NOT EXISTS citus",
        *(f"ALTER TABLE {key.child} DROP CONSTRAINT {key.name}" for key in going),
        *_rights(owned),
        *_primary_keys(uniques),
        *_spread(made),
        *(
            f"ALTER TABLE {key.child} ADD CONSTRAINT {key.name} {key.definition}"
            for key in kept
        ),
    ]
    made.by_hand = [*_lost_keys(going, owned), *_lost_uniques(uniques)]
    return made


def _ask(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _reference(owned: set[str], keys: Iterable[Key]) -> set[str]:
    """What tables of customers point at beside each other, and what that points at."""
    found: set[str] = set()
    grown = True
    while grown:
        new = {key.parent for key in keys if key.child in owned | found} - owned
        grown = not new <= found
        found |= new
    return found


def _rights(owned: set[str]) -> Iterator[str]:
    """The missing right is the law there; of the triggers, those that work within one
    account stay, which the cluster has to be told."""
    role = connection.settings_dict["USER"]
    yield "SET citus.enable_unsafe_triggers TO on"
    for table, name in _ask(TRIGGERS):
        if table in owned and name == "append_only":
            yield f"DROP TRIGGER {name} ON {table}"
    for table in APPEND_ONLY:
        yield f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}"


def _primary_keys(uniques: Iterable[Unique]) -> Iterator[str]:
    """The key by account and id, which is there already, becomes the primary key."""
    ready = {
        each.table: each for each in uniques if [*each.columns] == ["account_id", "id"]
    }
    for each in uniques:
        if each.is_primary and each.table in ready:
            yield f"ALTER TABLE {each.table} DROP CONSTRAINT {each.constraint}"
            new = ready[each.table]
            if new.constraint:
                yield f"ALTER TABLE {each.table} DROP CONSTRAINT {new.constraint}"
                yield f"ALTER TABLE {each.table} ADD PRIMARY KEY (account_id, id)"
            else:
                yield (
                    f"ALTER TABLE {each.table} ADD CONSTRAINT {new.index}"
                    f" PRIMARY KEY USING INDEX {new.index}"
                )


def _spread(made: Plan) -> Iterator[str]:
    """The accounts first, then their tables beside them."""
    for table in made.reference:
        yield f"SELECT create_reference_table('{table}')"
    yield f"SELECT create_distributed_table('{ACCOUNT}', 'id')"
    for table in made.distributed:
        if table != ACCOUNT:
            yield (
                f"SELECT create_distributed_table('{table}', 'account_id',"
                f" colocate_with => '{ACCOUNT}')"
            )


def _lost_keys(going: Iterable[Key], owned: set[str]) -> Iterator[str]:
    """Keys from tables that stay behind cannot lead to what is spread."""
    for key in going:
        if key.child not in owned:
            yield f"{key.child} no longer points at {key.parent} ({key.name})"


def _lost_uniques(uniques: Iterable[Unique]) -> Iterator[str]:
    """What is unique over all accounts can only be kept in one place."""
    for each in uniques:
        key = "id" if each.table == ACCOUNT else "account_id"
        if not each.is_primary and key not in each.columns:
            columns = ", ".join(each.columns)
            yield f"{each.table} ({columns}) is unique over all accounts ({each.index})"
