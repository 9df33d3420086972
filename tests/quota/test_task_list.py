"""The list of scan tasks: what its rows say, its filters and its paging."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import (
    ScanTask,
)
from quota.pages.tasks import TaskFilter
from quota.services import scanning
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    UserFactory,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.quota.task_acts import fail, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_the_list_says_state_images_found_and_quota(
    signed_in: Client, account: Account, now: datetime
) -> None:
    started(account, 3, now)
    fail(account, now, 1)
    started(account, 2, now)

    page = signed_in.get(url("tasks", account))

    for words in (
        "Finished, 1 failed", "2 high", "Waiting", "0 of 2", "2 held", "2 tasks",
    ):  # fmt: skip
        assertContains(page, words)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"state": "live"}, {"waiting"}),
        ({"state": "failed"}, {"failed"}),
        ({"state": "finished"}, {"failed"}),
        ({"state": "stopped"}, {"undone"}),
        ({"kind": "local"}, {"failed", "undone", "waiting"}),
        ({"kind": "repository"}, set()),
        ({"who": "schedule"}, {"failed", "undone", "waiting"}),
        ({"days": "1"}, {"waiting"}),
        ({"days": "7"}, {"undone", "waiting"}),
        ({"state": "nonsense", "who": "99999999", "days": "x"},
         {"failed", "undone", "waiting"}),
    ],
)  # fmt: skip
def test_the_list_is_filtered(
    signed_in: Client,
    account: Account,
    now: datetime,
    query: dict[str, str],
    shown: set[str],
) -> None:
    tasks = {"failed": started(account, 1, now)}
    finish(account, now, fails=True)
    tasks["undone"] = started(account, 1, now)
    scanning.undo(task=tasks["undone"], by=creator_of(account), now=now)
    tasks["waiting"] = started(account, 1, now)
    for name, days in (("failed", 40), ("undone", 3)):
        ScanTask.objects.filter(pk=tasks[name].pk).update(
            requested_at=now - timedelta(days=days)
        )

    page = signed_in.get(url("tasks", account), query)

    listed = {row.url for row in page.context["page"].rows}
    assert listed == {url("task", account, tasks[name].pk) for name in shown}


def test_the_list_filters_by_who_started(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    ScanTask.objects.filter(pk=task.pk).update(requested_by=creator_of(account))

    mine = signed_in.get(url("tasks", account), {"who": creator_of(account).pk})
    schedule = signed_in.get(url("tasks", account), {"who": "schedule"})

    assert len(mine.context["page"].rows) == 1
    assert len(schedule.context["page"].rows) == 0
    assertContains(schedule, "No task matches")


def test_pages_of_tasks_follow_each_other_without_gap_or_repeat(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    for _ in range(120):
        task = press(account, [image], now)
        scanning.undo(task=task, by=creator_of(account), now=now)
    seen: list[str] = []
    query = "state="
    while query:
        page = signed_in.get(f"{url('tasks', account)}?{query}").context["page"]
        seen += [row.url for row in page.rows]
        query = page.next_query

    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("name", ["tasks", "task"])
def test_an_unknown_cursor_is_a_sentence(
    signed_in: Client, account: Account, now: datetime, name: str
) -> None:
    more = [started(account, 1, now).pk] if name == "task" else []

    page = signed_in.get(url(name, account, *more), {"after": "bogus"})

    assertContains(page, "not known", status_code=422)


def test_neither_page_asks_more_queries_for_more_tasks_or_images(
    signed_in: Client, account: Account, now: datetime
) -> None:
    def asked(address: str) -> int:
        signed_in.get(address)
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(address)
        return len(captured)

    small = started(account, 2, now)
    few = asked(url("tasks", account)), asked(url("task", account, small.pk))
    for _ in range(5):
        finish(account, now)
        large = started(account, 30, now)

    many = asked(url("tasks", account)), asked(url("task", account, large.pk))

    assert many == few


def test_every_filter_of_the_list_is_answered_in_order_by_an_index(
    account: Account, now: datetime
) -> None:
    from_an_index: tuple[dict[str, str], ...] = (
        {}, {"state": "live"}, {"state": "failed"}, {"state": "stopped"},
        {"kind": "local"}, {"who": "schedule"}, {"days": "7"},
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    for each in from_an_index:
        tasks = TaskFilter(**each).tasks(account, now)
        plan = tasks.order_by("-requested_at", "-pk")[:51].explain()

        assert "Sort" not in plan, plan


def test_a_viewer_sees_tasks_but_no_buttons_and_a_stranger_nothing(
    client: Client, account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    client.force_login(member_of(account))

    page = client.get(url("task", account, task.pk))
    assertNotContains(page, "Stop task")
    assertNotContains(page, "Undo")
    assert client.get(url("tasks", account)).status_code == 200
    for name in ("stop-task", "undo-task"):
        assert client.post(url(name, account, task.pk)).status_code == 403
        assert client.get(url(name, account, task.pk)).status_code == 405
    client.force_login(UserFactory.create())
    for name in ("stop-task", "undo-task"):
        assert client.post(url(name, account, task.pk)).status_code == 404
    assert client.get(url("task", account, task.pk)).status_code == 404
