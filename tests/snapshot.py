"""All rows of the product, to be sure that nothing changed."""

from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection

from accounts.models import Account

# What being looked at may write: tries are counted, and when a member was last here.
# A registry's password comes as a secret, which equals nothing.
SEEN = {"accounts.Throttle", "accounts.User"}
PASSING = {"last_active_at", "password"}


def snapshot() -> dict[str, list[dict[str, Any]]]:
    """Every row of every model, by model."""
    return {
        model._meta.label: [
            {name: value for name, value in row.items() if name not in PASSING}
            for row in model._base_manager.order_by("pk").values()
        ]
        for app in ("accounts", "quota")
        for model in apps.get_app_config(app).get_models()
        if model._meta.label not in SEEN
    }


def fingerprint(account: Account) -> str:
    """All rows of one account, of its members and of jobs about it, as one digest."""
    with connection.cursor() as cursor:
        cursor.execute(
            _all_of_one(),
            {"account": account.pk, "passing": ["last_active_at", "last_login"]},
        )
        (digest,) = cursor.fetchone() or ("",)
    return str(digest)


@cache
def _all_of_one() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'account_id'"
        )
        owned = [(table, "account_id = %(account)s") for (table,) in cursor.fetchall()]
    members = "SELECT user_id FROM accounts_member WHERE account_id = %(account)s"
    more = [
        ("accounts_account", "id = %(account)s"),
        ("accounts_user", f"id IN ({members})"),
        ("procrastinate_jobs", "args->>'account_id' = %(account)s::text"),
    ]
    each = " UNION ALL ".join(
        f"SELECT md5({table!r} || (to_jsonb(t) - %(passing)s::text[])::text) AS row"  # noqa: S608 -- names from the catalogue
        f" FROM {table} t WHERE {which}"
        for table, which in sorted(owned) + more
    )
    return f"SELECT md5(string_agg(row, '' ORDER BY row)) FROM ({each}) rows"  # noqa: S608 -- as above
