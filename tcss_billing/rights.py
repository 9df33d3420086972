"""What the application's database role may do: everything but change a ledger."""

from django.db import connections
from psycopg import sql

# Written once, never changed: the law is the missing right, for whatever code runs.
APPEND_ONLY = (
    "quota_ledgerentry",
    "quota_tariff",
    "quota_refundevent",
    "quota_autorenewswitch",
    "accounts_balanceentry",
    "accounts_auditentry",
    "quota_invoice",
    "quota_invoicenumber",
    "quota_triage",
    "quota_statementseal",
)
# What migrations alone write.
ONLY_READ = ("django_migrations",)


def grant_rights() -> None:
    """Give the application's role its rights, as the owner. Running it again changes
    nothing. Where one role does both, there is nothing to give."""
    app, owner = connections["default"], connections["owner"]
    role = app.settings_dict["USER"]
    if not role or role == owner.settings_dict["USER"]:
        return
    name = sql.Identifier(role)
    with owner.cursor() as cursor:
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
            " TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
        ):
            cursor.execute(sql.SQL(statement).format(role=name))
        for tables, taken in (
            (APPEND_ONLY, sql.SQL("UPDATE, DELETE, TRUNCATE")),
            (ONLY_READ, sql.SQL("INSERT, UPDATE, DELETE, TRUNCATE")),
        ):
            for table in map(sql.Identifier, tables):
                revoke = sql.SQL("REVOKE {} ON {} FROM {}")
                cursor.execute(revoke.format(taken, table, name))
