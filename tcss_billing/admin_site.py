"""Django's admin with a first page of its own."""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.options import TO_FIELD_VAR
from django.http import HttpRequest, QueryDict
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

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page of it. Of a column without a name, which Django would look for, it
        hears nothing."""

        @wraps(view)
        def heard(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            request.GET, request.POST = _named(request.GET), _named(request.POST)
            return view(request, *args, **kwargs)

        return super().admin_view(heard, cacheable)

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


def _named(data: QueryDict) -> Any:
    if data.get(TO_FIELD_VAR) != "":
        return data
    rest = data.copy()
    del rest[TO_FIELD_VAR]
    return rest
