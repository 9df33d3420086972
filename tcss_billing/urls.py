"""Every URL of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views.signing import staff_sign_in
from quota.views import helping, home

handler403 = "tcss_billing.errors.forbidden"
handler404 = "tcss_billing.errors.not_found"
handler500 = "tcss_billing.errors.server_error"

urlpatterns = [
    path("admin/login/", staff_sign_in),
    # One place to change a password, with its rules and its letters.
    path(
        "admin/password_change/",
        RedirectView.as_view(pattern_name="accounts:profile"),
    ),
    path("admin/inbox/", include("tcss_billing.demo.inbox")),
    path("admin/", admin.site.urls),
    path("", home.home, name="home"),
    path("help", helping.anywhere, name="help"),
    path("", include("accounts.urls")),
    path("a/<slug:account>/", include("quota.urls")),
    path("v2/", include("quota.pull_urls")),
]
