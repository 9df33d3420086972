"""The composition root as an app, for its commands and checks."""

from django.apps import AppConfig


class RootConfig(AppConfig):
    """Commands and checks of the whole."""

    name = "tcss_billing"
