"""Pages of people: outside any account, and under ``/a/<account>/``."""

from django.urls import include, path

from accounts.views import (
    access,
    csp_reports,
    invites,
    members,
    notices,
    preferences,
    profile,
    second_factor,
    signing,
    webhooks,
)

app_name = "accounts"

of_account = [
    path("members", members.members, name="members"),
    path("members/invite", members.invite, name="invite"),
    path("members/hand-over", members.hand_over, name="hand-over"),
    path("members/<int:user>/role", members.change_role, name="change-role"),
    path("members/<int:user>/remove", members.remove, name="remove-member"),
    path("members/changes/<int:change>/undo", members.undo, name="undo-member"),
    path(
        "members/invites/<int:invite>/again", members.invite_again, name="invite-again"
    ),
    path(
        "members/invites/<int:invite>/cancel",
        members.invite_cancel,
        name="invite-cancel",
    ),
    path("ask-access", access.ask_access, name="ask-access"),
    path("notices", notices.notices, name="notices"),
    path("notices/settings", notices.settings, name="notice-settings"),
    path("notices/read", notices.read_all, name="read-all-notices"),
    path("notices/unread", notices.unread, name="unread-notices"),
    path("notices/<int:notice>/read", notices.read, name="read-notice"),
]

urlpatterns = [
    path("sign-in", signing.form_page(signing.SignIn.as_view()), name="sign-in"),
    path("sign-in/code", signing.second, name="second-step"),
    path("csp-reports", csp_reports.csp_reports, name="csp-reports"),
    path("payments/stripe", webhooks.stripe, name="stripe-webhook"),
    path("sign-out", signing.SignOut.as_view(), name="sign-out"),
    path("sign-up", signing.sign_up, name="sign-up"),
    path("sign-up/<str:token>", signing.open_account, name="open-account"),
    path("forgot-password", signing.forgot_password, name="forgot-password"),
    path(
        "set-password/<uidb64>/<token>",
        signing.form_page(signing.SetPassword.as_view()),
        name="set-password",
    ),
    path("invite/<str:token>", invites.invite, name="accept-invite"),
    path("confirm/<str:token>", profile.confirm, name="confirm"),
    path("preferences", preferences.preferences, name="preferences"),
    path("profile", profile.profile, name="profile"),
    path("profile/name", profile.name, name="profile-name"),
    path("profile/email", profile.email, name="profile-email"),
    path("profile/phone", profile.phone, name="profile-phone"),
    path("profile/password", profile.password, name="profile-password"),
    path("profile/code/<str:channel>", profile.code, name="profile-code"),
    path("profile/second-factor", second_factor.page, name="second-factor"),
    path(
        "profile/second-factor/begin", second_factor.begin, name="begin-second-factor"
    ),
    path(
        "profile/second-factor/confirm",
        second_factor.confirm,
        name="confirm-second-factor",
    ),
    path("profile/second-factor/codes", second_factor.codes, name="recovery-codes"),
    path("profile/second-factor/off", second_factor.off, name="second-factor-off"),
    path("a/<slug:account>/", include(of_account)),
]
