"""Bring the database up to date: migrate as the owner, then grant rights."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from tcss_billing.rights import grant_rights


class Command(BaseCommand):
    """Migrate as the owner and give the application's role its rights.

    Running it again changes nothing. The application's role could not migrate.
    """

    help = "Migrate as the owner, then give the application's role its rights."

    def handle(self, **options: Any) -> None:
        verbosity = options["verbosity"]
        call_command(
            "migrate", database="owner", interactive=False, verbosity=verbosity
        )
        grant_rights()
