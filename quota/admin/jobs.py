"""The job queue: what failed can be run again. Its own admin carries inline styles."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone
from procrastinate.contrib.django import admin as _theirs  # noqa: F401 -- registers
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob

from accounts.admin.acts import NothingMoreForm, act_page
from accounts.admin.readonly import ReadOnlyAdmin, ReadOnlyRows
from accounts.models import User
from quota.admin.staff import staff_of
from quota.services import back_office

admin.site.unregister(ProcrastinateJob)


class EventInline(ReadOnlyRows):
    """What became of a job."""

    model = ProcrastinateEvent
    fields = readonly_fields = ("type", "at")


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, the newest first."""

    list_display = ("id", "task_name", "args", "status", "attempts", "scheduled_at")
    list_filter = ("status",)
    exact_search = ("task_name", "id")
    inlines = (EventInline,)
    change_form_template = "admin/procrastinate/job/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Running it again, beside Django's own addresses."""
        retry = path(
            "<int:pk>/retry/",
            self.admin_site.admin_view(self.retry),
            name="procrastinate_procrastinatejob_retry",
        )
        return [retry, *super().get_urls()]

    def retry(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Run a failed job again."""
        now = timezone.now()
        job = get_object_or_404(ProcrastinateJob, pk=pk)

        def act(fields: dict[str, Any], by: User) -> str:
            back_office.retry_job(job=job, staff=staff_of(request), now=now)
            return f"Job {job.pk} runs again."

        return act_page(
            self,
            request,
            permission="procrastinate.change_procrastinatejob",
            form_class=NothingMoreForm,
            act=act,
            title=f"Run job {job.pk} again",
            button="Run again",
            facts={"Task": job.task_name, "Attempts": str(job.attempts)},
        )
