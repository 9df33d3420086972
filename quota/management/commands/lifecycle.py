"""``manage.py lifecycle --at DATE``: what a date would do, as a dry run for staff."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from quota.services import foreseeing


class Command(BaseCommand):
    """List reminders, renewals and terminations of a date. Nothing is changed."""

    help = "Lists what a date would do to every account, without doing it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The date, as each account's own zone counts it; today by default."""
        parser.add_argument(
            "--at", type=date.fromisoformat, metavar="YYYY-MM-DD", default=None
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each thing that would happen, in order."""
        now = timezone.now()
        acts = foreseeing.foresee(day=options["at"] or now.date(), now=now)
        for act in acts:
            self.stdout.write(f"{act.at:%Y-%m-%d %H:%M:%SZ}  {act.account}: {act.what}")
        if not acts:
            self.stdout.write("Nothing would happen.")
