"""PgBouncer between the product and the server, as a large installation has it."""

import shutil
import subprocess

from tcss_billing.embedded_postgres import APP, Cluster
from tcss_billing.embedded_postgres.cluster import PORT

# It gives a connection to somebody else after every transaction.
SETTINGS = """
[databases]
* = host={server} port={port}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {port}
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 6
server_login_retry = 1
logfile = {log}
"""


class Pooler:
    """A PgBouncer of the run's own, on a private socket of its own."""

    def __init__(self, server: Cluster) -> None:
        self.server = server
        place = server.root.with_name(f"{server.root.name}-pooler")
        self.cluster = Cluster(place, server.user)
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def program() -> str:
        """The program, or nothing where it is not installed."""
        return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer") or ""

    def start(self) -> None:
        """Start it, as the server's user where we are root."""
        self.cluster.prepare()
        settings, users = (self.cluster.root / name for name in ("settings", "users"))
        users.write_text(f'"{APP}" ""\n')
        settings.write_text(
            SETTINGS.format(
                server=self.server.socket_directory,
                port=PORT,
                folder=self.cluster.socket_directory,
                users=users,
                log=self.cluster.log,
            )
        )
        as_user = ["-u", self.server.user] if self.server.user else []
        self.process = subprocess.Popen(
            [self.program(), "-q", *as_user, str(settings)], cwd="/"
        )

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.cluster.root, ignore_errors=True)
