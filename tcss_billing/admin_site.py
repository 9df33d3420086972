"""Django's admin with a first page of its own."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import second_step
from accounts.models import User
from quota.pages.dashboard import dashboard


class BackOffice(AdminSite):
    """What needs a person today stands above the tables."""

    site_header = "Image Scan back office"
    index_title = "Today"
    site_url = None
    # The first page leads everywhere; the width is for the lists.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, and with a second factor where the operator asks for one."""
        return super().has_permission(request) and second_step.is_enough(request)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The dashboard, for those who see the back office."""
        found = {}
        if isinstance(request.user, User) and request.user.has_perm(
            "accounts.see_back_office"
        ):
            found = {"dashboard": dashboard(timezone.now())}
        return super().index(request, {**found, **(extra_context or {})})
