"""The composition root as an app, for its commands and checks."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.core.checks import register

from tcss_billing import checks


class RootConfig(AppConfig):
    """Commands and checks of the whole."""

    name = "tcss_billing"
    default = True

    def ready(self) -> None:
        """Say before a deployment what must be set."""
        register(checks.keys_are_brought, deploy=True)


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, with the back office's first page."""

    default = False
    default_site = "tcss_billing.admin_site.BackOffice"
