"""Bring the database up to date: migrate as the owner, then grant rights."""

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from tcss_billing.rights import grant_rights

# A change of a table that waits for its lock makes everybody else wait behind it: so it
# does not wait for long, and tries again when the others have gone on.
LOCK_TIMEOUT = "3s"
TRIES = 10
PAUSE = 5
LOCK_NOT_AVAILABLE = "55P03"


class Command(BaseCommand):
    """Migrate as the owner and give the application's role its rights.

    Running it again changes nothing. The application's role could not migrate.
    """

    help = "Migrate as the owner, then give the application's role its rights."

    def handle(self, **options: Any) -> None:
        for _ in range(TRIES):
            if self._is_done(options["verbosity"]):
                return
            time.sleep(PAUSE)
        raise CommandError(
            "A table was in use by a long transaction each time, so the database is not"
            " up to date. End that transaction and run this again."
        )

    def _is_done(self, verbosity: int) -> bool:
        """Whether every lock could be had in time."""
        try:
            with connections["owner"].cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            call_command(
                "migrate", database="owner", interactive=False, verbosity=verbosity
            )
            grant_rights()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            return False
        return True
