"""How a process of its own reaches a database on an embedded server."""

from urllib.parse import quote

from django.db import connections

from tcss_billing.embedded_postgres import APP, DATABASE, OWNER, Cluster
from tcss_billing.embedded_postgres.cluster import PORT
from tcss_billing.state import home


def environment(
    cluster: Cluster, name: str = DATABASE, pooler: Cluster | None = None
) -> dict[str, str]:
    """What the settings read. The server is not started by it. The owner never goes
    through the pooler."""
    return {
        "DATABASE_URL": _url(pooler or cluster, APP, name),
        "DATABASE_POOLER": "true" if pooler else "false",
        "DATABASE_OWNER_URL": _url(cluster, OWNER, name),
        "DJANGO_SETTINGS_MODULE": "tcss_billing.settings",
    }


def of_this_run() -> dict[str, str]:
    """The database that the tests of this run are using."""
    name = str(connections["default"].settings_dict["NAME"])
    return environment(Cluster.of(home()), name)


def _url(cluster: Cluster, role: str, name: str) -> str:
    host = quote(str(cluster.socket_directory), safe="")
    return f"postgres://{role}@{host}:{PORT}/{name}"
