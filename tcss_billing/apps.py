"""The composition root as an app, for its commands and checks."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class RootConfig(AppConfig):
    """Commands and checks of the whole."""

    name = "tcss_billing"
    default = True


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, with the back office's first page."""

    default = False
    default_site = "tcss_billing.admin_site.BackOffice"
