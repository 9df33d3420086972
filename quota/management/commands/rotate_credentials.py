"""Encrypt stored secrets anew, after a key was put in front of CREDENTIAL_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.services import second_factor
from quota.services import registries


class Command(BaseCommand):
    """Afterwards the old key can be taken out of the setting."""

    help = "Encrypt what is stored encrypted with the first of CREDENTIAL_KEYS."

    def handle(self, **options: Any) -> None:
        count = registries.rotate() + second_factor.rotate()
        self.stdout.write(f"{count} encrypted with the first key.")
