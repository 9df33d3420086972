"""Read images from the places the operator allows an account."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Account
from quota.models import ImageSource
from quota.services import syncing


class Command(BaseCommand):
    """Update an account's local images; with a place, allow that place first."""

    help = "Read local images; with --from, allow the account that place first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the account's slug")
        parser.add_argument(
            "--from",
            dest="location",
            default="",
            help="a folder of OCI layouts, an archive, or an engine's socket",
        )
        parser.add_argument(
            "--kind", choices=ImageSource.Kind.values, default="oci-layout"
        )

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        account = Account.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account {options['account']}.")
        if options["location"]:
            ImageSource.objects.get_or_create(
                account=account, kind=options["kind"], location=options["location"]
            )
        figures = syncing.update_local_images(account=account, now=now)
        for problem in figures.problems:
            self.stderr.write(self.style.WARNING(problem))
        self.stdout.write(
            f"{figures.seen} images seen, {figures.new} new, {figures.gone} gone."
        )
