"""Which database the settings name, and the folder that holds this checkout's state."""

import os
import secrets
from pathlib import Path
from typing import Any

from environs import Env

from tcss_billing import embedded_postgres


def home() -> Path:
    """Return the state directory: ``TCSS_HOME``, by default one per checkout."""
    default = Path(__file__).resolve().parent.parent / ".tcss"
    return Path(os.environ.get("TCSS_HOME", default)).absolute()


def configured(env: Env) -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES: the application's role and the owner's.

    ``DATABASE_URL`` names the application's role, ``DATABASE_OWNER_URL`` the owner
    (by default the same). Without them the embedded server is started and used.
    """
    if env.str("DATABASE_URL", default=""):
        app = env.dj_db_url("DATABASE_URL")
        owner = env.dj_db_url("DATABASE_OWNER_URL", default=os.environ["DATABASE_URL"])
    else:
        server = embedded_postgres.ensure(home())
        app = embedded_postgres.database(server, user="tcss_app")
        owner = embedded_postgres.database(server, user="tcss_owner")
    # One persistent connection a thread (None: never closed for age).
    persistent = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
    return {
        "default": {**app, **persistent, "OPTIONS": {"prepare_threshold": 5}},
        "owner": {**owner, **persistent},
    }


def local_secret() -> str:
    """Return this checkout's own signing key, made on first use and kept private.

    Production sets ``SECRET_KEY``; a check refuses to deploy without it.
    """
    path = home() / "secret-key"
    try:
        return path.read_text()
    except FileNotFoundError:
        home().mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text()
