"""Pages outside any account."""

from django.urls import path

from accounts import views, webhooks

app_name = "accounts"
urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in", views.SignIn.as_view(), name="sign-in"),
    path("payments/stripe", webhooks.stripe, name="stripe-webhook"),
    path("sign-out", views.SignOut.as_view(), name="sign-out"),
]
