"""Which database the settings name: ``DATABASE_URL``, or the embedded one."""

import sys
from typing import Any

from environs import Env

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres.cluster import PORT
from tcss_billing.state import home

# One persistent connection a thread (None: never closed for its age), with values sent
# beside the statement. A pooler of transactions can have nothing that outlives one: no
# cursor of the server, and no statement that ``run_prepared`` asks to be prepared.
PERSISTENT = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
BOUND = {"server_side_binding": True}
PREPARED_WHEN_ASKED = sys.maxsize


def configured(env: Env) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES: the application's role and the owner's.

    ``DATABASE_URL`` names the application's role, ``DATABASE_OWNER_URL`` the owner
    (by default the same). Without them the embedded server is used. With
    ``DATABASE_POOLER`` the former goes through a pooler of transactions; the owner's
    never does.
    """
    if env.str("DATABASE_URL", default=""):
        app = env.dj_db_url("DATABASE_URL")
        owner = env.dj_db_url("DATABASE_OWNER_URL", default=env.str("DATABASE_URL"))
    else:
        app, owner = (
            _embedded(embedded_postgres.APP),
            _embedded(embedded_postgres.OWNER),
        )
    pooled = env.bool("DATABASE_POOLER", default=False)
    app["DISABLE_SERVER_SIDE_CURSORS"] = pooled
    threshold = None if pooled else PREPARED_WHEN_ASKED
    return {
        "default": _persistent(app, prepare_threshold=threshold),
        "owner": _persistent(owner),
    }


def _persistent(database: dict[str, Any], **options: int | None) -> dict[str, Any]:
    given = database.get("OPTIONS", {})
    return {**database, **PERSISTENT, "OPTIONS": {**given, **BOUND, **options}}


def _embedded(user: str) -> dict[str, Any]:
    return {
        "ENGINE": "tcss_billing.embedded_postgres",
        "NAME": embedded_postgres.DATABASE,
        "USER": user,
        "HOST": str(embedded_postgres.Cluster.of(home()).socket_directory),
        "PORT": str(PORT),
    }
