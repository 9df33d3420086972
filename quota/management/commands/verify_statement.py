"""Prove a JSON statement outside of the console that made it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quota.rules.statement import NotProved, verify


class Command(BaseCommand):
    """Needs no database: the file proves itself, and its hashes are on the paper."""

    help = "Prove that a statement's lines are the ones written, and add up."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            with file.open(encoding="utf-8", newline="\n") as lines:
                proved = verify(lines)
        except NotProved as broken:
            raise CommandError(str(broken)) from broken
        except (OSError, UnicodeDecodeError) as unreadable:
            raise CommandError(f"{file} cannot be read: {unreadable}") from unreadable
        closing = proved.closing
        self.stdout.write(
            f"{closing['entries']} entries, {closing['used_tenths']} tenths used,"
            f" {closing['left_tenths']} left"
        )
        self.stdout.write(f"hash of the opening  {proved.head}")
        self.stdout.write(f"hash of the closing  {proved.tail}")
        self.stdout.write(self.style.SUCCESS("The statement is proved."))
