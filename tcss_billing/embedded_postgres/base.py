"""Django's PostgreSQL backend that has the embedded server up before it connects.

Nothing is started by merely loading the settings: a command that needs no database
starts none.
"""

from typing import Any

from django.db.backends.postgresql import base

from tcss_billing.embedded_postgres.supervisor import ensure
from tcss_billing.state import home


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to this checkout's own server."""

    def get_connection_params(self) -> dict[str, Any]:
        ensure(home())
        return super().get_connection_params()
