"""Every URL of the product."""

from django.contrib import admin
from django.urls import include, path

from accounts.views.signing import staff_sign_in

handler500 = "tcss_billing.errors.server_error"

urlpatterns = [
    path("admin/login/", staff_sign_in),
    path("admin/inbox/", include("tcss_billing.demo.inbox")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("a/<slug:account>/", include("quota.urls")),
    path("v2/", include("quota.pull_urls")),
]
