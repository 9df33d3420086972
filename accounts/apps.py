"""The accounts app."""

from django.apps import AppConfig
from django.core.checks import register

from accounts import checks


class AccountsConfig(AppConfig):
    """Who pays."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say at the start what must be set."""
        register(checks.stripe_is_whole)
        register(checks.sms_is_whole)
        register(checks.staff_have_a_second_factor, deploy=True)
