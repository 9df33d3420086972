"""The table of jobs stays small, and what failed stays in it."""

from types import SimpleNamespace
from typing import cast

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tcss_billing.jobs import forget_done


@pytest.mark.django_db
def test_jobs_that_succeeded_days_ago_are_forgotten() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO procrastinate_jobs (queue_name, task_name, status)
                SELECT 'default', 'task', status::procrastinate_job_status
                FROM unnest(ARRAY['succeeded', 'failed', 'todo']) status
                RETURNING id
            )
            INSERT INTO procrastinate_events (job_id, type, at)
            SELECT id, 'deferred', now() - interval '4 days' FROM made
            """
        )
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '4 days'")

    context = cast(JobContext, SimpleNamespace(app=app))
    async_to_sync(forget_done.func)(context, 0)

    left = ProcrastinateJob.objects.values_list("status", flat=True)
    assert sorted(left) == ["failed", "todo"]
