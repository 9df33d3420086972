"""The back office of people: who they are, what is owed to them, and what arrived."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin.acts import ReasonForm, act_page, address_of
from accounts.admin.people_forms import OpenAccountForm
from accounts.admin.readonly import AccountFilter, ReadOnlyAdmin
from accounts.models import (
    Account,
    Invite,
    Letter,
    Member,
    MemberChange,
    Notice,
    Outgoing,
    User,
)
from accounts.services import resending, second_factor, staff_opening


class PlainGroupAdmin(GroupAdmin):
    """Groups, chosen from a plain list: Django's two boxes name their tips wrongly."""

    filter_horizontal = ()


admin.site.unregister(Group)
admin.site.register(Group, PlainGroupAdmin)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """People."""

    list_display = ("email", "name", "email_verified_at", "phone", "is_staff")
    exact_search = ("email", "name", "id")
    exclude = ("password",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return [name for name in names if name != "password"]

    def get_urls(self) -> list[URLPattern]:
        """Beside Django's own: turning off a lost second factor."""
        view = self.admin_site.admin_view(self.reset_second_factor)
        name = "accounts_user_reset_second_factor"
        return [
            path("<int:pk>/second-factor/", view, name=name),
            *super().get_urls(),
        ]

    def reset_second_factor(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Turn off the second factor of somebody who lost app and codes."""
        now = timezone.now()
        person = get_object_or_404(User, pk=pk)

        def act(fields: dict[str, Any], by: User) -> str:
            second_factor.reset(
                user=person, **fields, by=by, address=address_of(request), now=now
            )
            return f"{person} signs in with the password alone, and was told."

        return act_page(
            self,
            request,
            permission="accounts.reset_second_factor",
            form_class=ReasonForm,
            act=act,
            title=f"Reset the second factor of {person}",
            button="Reset",
            facts={"Email": person.email, "Before": "Make sure who asks for it."},
        )


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Customers: *Add* opens an account for somebody, who gets a link to sign in."""

    list_display = ("name", "slug", "zone", "currency", "balance", "debt")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_account")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Open an account."""
        now = timezone.now()

        def act(fields: dict[str, Any], by: User) -> str:
            opened = staff_opening.open_for(
                **fields, by=by, address=address_of(request), now=now
            )
            return f"{opened} is open. Its creator gets a mail to sign in."

        return act_page(
            self,
            request,
            permission="accounts.add_account",
            form_class=OpenAccountForm,
            act=act,
            title="Open an account",
            button="Open account",
        )


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Who may do what in which account."""

    list_display = (
        "account", "user", "is_creator", "is_global_resource", "is_financial",
        "last_active_at",
    )  # fmt: skip
    list_select_related = ("account", "user")
    exact_search = ("account__slug", "user__email")


@admin.register(MemberChange)
class MemberChangeAdmin(ReadOnlyAdmin):
    """Who changed whose role, and when."""

    list_display = ("account", "user", "by", "before", "after", "created_at")
    list_select_related = ("account", "user", "by")
    exact_search = ("account__slug", "user__email")


@admin.register(Invite)
class InviteAdmin(ReadOnlyAdmin):
    """Invitations. The link itself is nowhere to be seen."""

    list_display = (
        "account", "email", "invited_by", "created_at", "expires_at", "accepted_at",
        "cancelled_at",
    )  # fmt: skip
    list_select_related = ("account", "invited_by")
    exact_search = ("account__slug", "email")
    exclude = ("nonce",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = super().get_readonly_fields(request, obj)
        return [name for name in names if name != "nonce"]


class StaffRequest(HttpRequest):
    """A request of a member of staff, whom the admin has let in."""

    user: User


class OutboxAdmin(ReadOnlyAdmin):
    """What is owed and what became of it; *Send again* for whoever may."""

    actions = ("send_again",)
    list_filter: ClassVar[tuple[Any, ...]] = ("state", "channel", "kind")
    right = ""

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Whether this member of staff may send again."""
        return request.user.has_perm(self.right)

    @admin.action(description="Send again", permissions=["resend"])
    def send_again(self, request: StaffRequest, queryset: QuerySet[Outgoing]) -> None:
        """Queue the chosen ones anew; those on their way are left alone."""
        now = timezone.now()
        for row in queryset.order_by("pk"):
            queued = resending.send_again(
                row=row, by=request.user, address=address_of(request), now=now
            )
            words = "is queued again" if queued else "is on its way already"
            level = messages.SUCCESS if queued else messages.WARNING
            self.message_user(request, f"{row} {words}.", level)


@admin.register(Notice)
class NoticeAdmin(OutboxAdmin):
    """Notices of members."""

    list_display = (
        "account", "user", "kind", "channel", "state", "attempts", "due_at", "sent_at",
        "interrupted", "reason",
    )  # fmt: skip
    list_select_related = ("account", "user")
    list_filter = (*OutboxAdmin.list_filter, AccountFilter)
    exact_search = ("account__slug", "user__email", "id")
    right = "accounts.resend_notice"


@admin.register(Letter)
class LetterAdmin(OutboxAdmin):
    """Codes, invitations and links: their secrets are made as they are sent."""

    list_display = (
        "kind", "channel", "address", "state", "attempts", "due_at", "sent_at",
        "interrupted", "reason",
    )  # fmt: skip
    exact_search = ("address", "id")
    right = "accounts.resend_letter"
