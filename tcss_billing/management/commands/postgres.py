"""Run the embedded PostgreSQL by hand: start, stop, look, dump, restore."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tcss_billing import embedded_postgres
from tcss_billing.embedded_postgres import DATABASE, OWNER, Cluster
from tcss_billing.embedded_postgres.cluster import PORT
from tcss_billing.state import home


class Command(BaseCommand):
    """One verb a call; each says what it did."""

    help = "Start, stop or look at the embedded PostgreSQL; dump and restore."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb in ("start", "stop", "status", "psql"):
            verbs.add_parser(verb)
        for verb in ("dump", "restore"):
            verbs.add_parser(verb).add_argument("file", type=Path)

    def handle(self, *, verb: str, **options: Any) -> None:
        cluster = Cluster.of(home())
        if verb in {"start", "psql", "dump", "restore"}:
            try:
                bring_up = (
                    embedded_postgres.keep
                    if verb == "start"
                    else embedded_postgres.ensure
                )
                bring_up(home())
            except (
                embedded_postgres.PostgresFailed,
                embedded_postgres.PostgresMissing,
            ) as failure:
                raise CommandError(str(failure)) from failure
        getattr(self, f"_{verb}")(cluster, options.get("file"))

    def _start(self, cluster: Cluster, _: Path | None) -> None:
        self.stdout.write(
            f"PostgreSQL is up, on a socket in {cluster.socket_directory}."
        )

    def _stop(self, _: Cluster, __: Path | None) -> None:
        stopped = embedded_postgres.stop(home())
        self.stdout.write("Stopped." if stopped else "PostgreSQL was not running.")

    def _status(self, cluster: Cluster, _: Path | None) -> None:
        running = embedded_postgres.is_running(cluster)
        self.stdout.write(
            f"PostgreSQL is {'up' if running else 'down'}. Data: {cluster.data}."
            f" Socket: {cluster.socket_directory}."
        )

    def _psql(self, cluster: Cluster, _: Path | None) -> None:
        psql = cluster.programs() / "psql"
        if not psql.exists():
            raise CommandError("This PostgreSQL comes without psql.")
        os.execv(psql, [str(psql), *_target(cluster)])  # noqa: S606 -- our own program

    def _dump(self, cluster: Cluster, file: Path | None) -> None:
        self._through(cluster, file, "pg_dump", "--format=custom", writes=True)
        self.stdout.write(f"Dumped to {file}.")

    def _restore(self, cluster: Cluster, file: Path | None) -> None:
        options = ("--clean", "--if-exists", "--single-transaction", "--no-owner")
        self._through(cluster, file, "pg_restore", *options, writes=False)
        self.stdout.write(f"Restored from {file}.")

    def _through(
        self,
        cluster: Cluster,
        file: Path | None,
        program: str,
        *options: str,
        writes: bool,
    ) -> None:
        """Run a program on a dump. It runs as us, who may read and write the file."""
        path = str(file)
        target = ["--file", path] if writes else [path]
        mine = Cluster(cluster.root, None)
        done = mine.run(program, *options, *_target(cluster), *target)
        if done.returncode:
            raise CommandError(f"{program} failed: {done.stdout[-2000:]}")


def _target(cluster: Cluster) -> list[str]:
    folder = str(cluster.socket_directory)
    return ["-h", folder, "-p", str(PORT), "-U", OWNER, "-d", DATABASE]
