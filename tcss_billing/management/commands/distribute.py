"""How this database would be spread over machines by account."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tcss_billing import distributing


class Command(BaseCommand):
    """Prints; nothing is changed. What is printed can be given to ``psql``."""

    help = "Print the statements that distribute the tables by account on Citus."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--plan", action="store_true", help="Print the statements.")

    def handle(self, *, plan: bool, **options: Any) -> None:
        if not plan:
            raise CommandError("Only a plan can be had: distribute --plan.")
        made = distributing.plan()
        for words, tables in (
            ("spread by account", made.distributed),
            ("on every machine", made.reference),
            ("on the coordinator", made.local),
        ):
            self.stdout.write(f"-- {len(tables)} {words}: {', '.join(tables)}")
        for lost in made.by_hand:
            self.stdout.write(f"-- By hand: {lost}.")
        for statement in made.statements:
            self.stdout.write(f"{statement};")
