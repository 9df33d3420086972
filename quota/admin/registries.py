"""Registries and their syncs: staff see how they fare, never a password."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.readonly import ReadOnlyAdmin
from quota.models import Registry, RegistrySync


@admin.register(Registry)
class RegistryAdmin(ReadOnlyAdmin):
    """What customers connected."""

    list_display = ("account", "name", "type", "address", "succeeded_at", "problem")
    list_select_related = ("account",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All but the password, of which not even the encrypted text is shown."""
        fields = super().get_readonly_fields(request, obj)
        return [name for name in fields if name != "password"]


@admin.register(RegistrySync)
class RegistrySyncAdmin(ReadOnlyAdmin):
    """Each reading of a registry."""

    list_display = (
        "account", "registry", "requested_at", "repositories", "total", "tags",
        "outcome", "message",
    )  # fmt: skip
    list_select_related = ("account", "registry")
