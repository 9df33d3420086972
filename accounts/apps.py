"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who pays."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
