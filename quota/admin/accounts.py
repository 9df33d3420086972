"""One customer on one page, and looking at the console as the customer sees it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts import looking
from accounts.admin.people import AccountAdmin
from accounts.models import Account, Member
from quota.admin.staff import staff_of
from quota.pages.account_desk import account_desk
from quota.services import back_office

admin.site.unregister(Account)


@admin.register(Account)
class AccountDeskAdmin(AccountAdmin):
    """Customers: found by short name, name, or a member's email."""

    exact_search = ("slug", "members__user__email", "name", "id")
    csv_columns = ("id", "slug", "name", "currency", "balance", "debt", "created_at")

    def get_urls(self) -> list[URLPattern]:
        """Beginning and ending to look."""
        return [
            path(
                f"<int:pk>/look/{act}/",
                self.admin_site.admin_view(getattr(self, f"look_{act}")),
                name=f"accounts_account_look_{act}",
            )
            for act in ("begin", "end")
        ] + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """State, term, quota, balance, orders, refunds, members and notices."""
        account = self.get_object(request, object_id)
        if account is None:
            raise Http404("There is no such account.")
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(account),
            "account": account,
            "desk": account_desk(account, timezone.now()),
            "may_look": request.user.has_perm(looking.PERMISSION),
        }
        return TemplateResponse(request, "admin/accounts/account/desk.html", context)

    def look_begin(self, request: HttpRequest, pk: int) -> HttpResponse:
        """See the console as the account's creator does, for twenty minutes."""
        if not request.user.has_perm(looking.PERMISSION):
            raise PermissionDenied
        account = get_object_or_404(Account, pk=pk)
        if request.method != "POST":
            return redirect("admin:accounts_account_change", pk)
        now, staff = timezone.now(), staff_of(request)
        if Member.objects.filter(account=account, user=staff.user).exists():
            messages.info(request, "You are a member of this account already.")
            return redirect(account)
        back_office.looked(
            account=account,
            began=True,
            staff=staff,
            reason=request.POST.get("reason", "").replace("\0", "")[:500],
            now=now,
        )
        looking.begin(request, account, now)
        return redirect(account)

    def look_end(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Look no longer."""
        account = get_object_or_404(Account, pk=pk)
        now = timezone.now()
        if request.method == "POST" and looking.is_looking_at(
            request, account.slug, now
        ):
            back_office.looked(
                account=account,
                began=False,
                staff=staff_of(request),
                reason="",
                now=now,
            )
            looking.end(request)
        return redirect("admin:accounts_account_change", pk)
