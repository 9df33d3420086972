"""Prove the books of all accounts; fail loudly when a figure is unexplained."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from quota.services.reconciling import reconcile


class Command(BaseCommand):
    """Print each invariant with the number of rows it was held against."""

    help = "Prove that every counter, hold, balance and result is explained."

    def handle(self, **options: Any) -> None:
        broken = 0
        with transaction.atomic():
            for proof in reconcile():
                mark = "BROKEN" if proof.broken else "ok"
                self.stdout.write(f"{mark:>6}  {proof.checked:>12,}  {proof.claim}")
                for row in proof.broken:
                    self.stderr.write(self.style.ERROR(f"        {row}"))
                broken += bool(proof.broken)
        if broken:
            raise CommandError(f"{broken} claims about the books do not hold.")
        self.stdout.write(self.style.SUCCESS("The books are proved."))
