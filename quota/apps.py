"""The quota app."""

from django.apps import AppConfig


class QuotaConfig(AppConfig):
    """What is paid for."""

    name = "quota"
    default_auto_field = "django.db.models.BigAutoField"
