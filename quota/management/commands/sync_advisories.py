"""Fill the advisory store from OSV exports: a local folder, or the network."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quota.services import advising


class Command(BaseCommand):
    """Running it again changes nothing more; withdrawn advisories are removed."""

    help = "Load vulnerability advisories from OSV exports, or the starter set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="path", type=Path, default=None)
        parser.add_argument("--ecosystem", action="append", default=[])
        parser.add_argument("--starter", action="store_true")

    def handle(self, **options: Any) -> None:
        if options["starter"]:
            loaded = advising.load_starter()
            self.stdout.write(f"{loaded:,} facts of the starter set loaded.")
            return
        try:
            if options["path"]:
                self._say("", advising.sync_folder(options["path"]))
                return
            for ecosystem in options["ecosystem"] or ["PyPI", "npm", "Debian:12"]:
                self._say(f"{ecosystem}: ", advising.sync_network(ecosystem))
        except advising.AdvisoriesUnavailable as failure:
            raise CommandError(str(failure)) from failure

    def _say(self, of: str, figures: advising.Figures) -> None:
        self.stdout.write(
            f"{of}{figures.documents:,} documents, {figures.ranges:,} affected ranges,"
            f" {figures.withdrawn:,} withdrawn."
        )
        for name in figures.broken[:20]:
            self.stderr.write(self.style.WARNING(f"{name} is not an OSV document."))
