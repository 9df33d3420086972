"""Scan tasks: their figures, their pages, undo, stop, retry and scan again."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.errors import AlreadyBegun, KeyReused
from quota.models import (
    Image,
    Kind,
    LedgerEntry,
    QuotaWindow,
    Scan,
    ScanTask,
    Scope,
    Selection,
)
from quota.pages.tasks import TaskFilter
from quota.scanners.port import Category
from quota.services import ending, scanning, working
from quota.services.reconciling import reconcile
from quota.services.scanning import ScanRequest
from tests.factories import (
    ALL,
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
    report,
)

pytestmark = pytest.mark.django_db
HTMX: Any = {"HTTP_HX_REQUEST": "true"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=3))


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator["time_machine.Traveller"]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def signed_in(client: Client, account: Account) -> Client:
    client.force_login(creator_of(account))
    return client


def url(name: str, account: Account, *more: object) -> str:
    return reverse(f"quota:{name}", args=[account.slug, *more])


def started(account: Account, images: int, now: datetime) -> ScanTask:
    return press(account, ImageFactory.create_batch(images, account=account), now)


def request(task: ScanTask, scope: Scope) -> ScanRequest:
    return ScanRequest(Selection(scope, task=task.pk), ALL, "Anew")


def reserve(account: Account, request: ScanRequest, now: datetime) -> ScanTask:
    return scanning.reserve(
        account=account, request=request, agreed=None, key=uuid4(), by=None, now=now
    )


def fail(account: Account, now: datetime, count: int) -> None:
    """Claim so many scans and bring back nothing; then finish the others."""
    claimed = working.claim(account_id=account.pk, limit=count, now=now)
    assert claimed
    ended = [
        ending.Ended(
            scan.pk, claimed.token, Scan.Outcome.FAILED, "The layer is broken. Pull it."
        )
        for scan in claimed.scans
    ]
    ending.end(account_id=account.pk, ended=ended, now=now + MINUTE)
    finish(account, now + MINUTE)


def free(account: Account) -> int:
    windows = QuotaWindow.objects.filter(account=account)
    return windows.aggregate(free=Sum("free_tenths"))["free"] or 0


def assert_books_are_proved() -> None:
    assert [proof for proof in reconcile() if proof.broken] == []


def test_a_task_keeps_the_figures_of_its_scans_and_ends_with_the_last(
    account: Account, now: datetime
) -> None:
    task = started(account, 5, now)
    assert task.ended_at is None

    fail(account, now, 2)

    task.refresh_from_db()
    assert (task.settled, task.released, task.failed) == (3, 2, 2)
    assert (task.used_tenths, task.returned_tenths, task.first_scans) == (30, 20, 3)
    assert (task.high, task.critical, task.at_risk) == (3, 0, 3)
    assert task.begun_at == now
    assert task.ended_at
    assert_books_are_proved()


def test_reconcile_sees_a_task_whose_figures_no_scan_explains(
    account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    finish(account, now)

    ScanTask.objects.filter(pk=task.pk).update(high=7)

    (broken,) = [proof for proof in reconcile() if proof.broken]
    assert broken.claim == "figures kept on a task are those of its scans"


def test_undo_leaves_nothing_of_a_press_but_its_books(
    account: Account, now: datetime
) -> None:
    before = free(account)
    task = started(account, 3, now)

    undone = scanning.undo(task=task, by=creator_of(account), now=now)

    assert undone == 3
    assert free(account) == before
    assert set(Image.objects.values_list("outcome", flat=True)) == {"not_scanned"}
    assert LedgerEntry.objects.filter(kind="release", outcome="undone").count() == 3
    assert working.claim(account_id=account.pk, limit=9, now=now) is None
    assert scanning.undo(task=task, by=creator_of(account), now=now) == 0
    assert_books_are_proved()


def test_what_a_worker_has_begun_cannot_be_undone(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    working.claim(account_id=account.pk, limit=1, now=now)

    with pytest.raises(AlreadyBegun):
        scanning.undo(task=task, by=creator_of(account), now=now)

    task.refresh_from_db()
    assert task.undone_at is None
    assert Scan.objects.filter(state="released").count() == 0


def test_a_scan_given_back_by_a_lost_worker_has_begun_all_the_same(
    account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    working.claim(account_id=account.pk, limit=1, now=now)
    working.sweep(now=now + 2 * working.LEASE)

    with pytest.raises(AlreadyBegun):
        scanning.undo(task=task, by=creator_of(account), now=now + 3 * working.LEASE)


def test_stopping_lets_running_scans_finish_and_returns_the_rest(
    account: Account, now: datetime
) -> None:
    task = started(account, 4, now)
    claimed = working.claim(account_id=account.pk, limit=1, now=now)
    assert claimed

    released = scanning.stop(task=task, by=creator_of(account), now=now)

    (running,) = claimed.scans
    result = ending.Ended(
        running.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report()
    )
    ending.end(account_id=account.pk, ended=[result], now=now + MINUTE)
    task.refresh_from_db()
    assert released == 3
    assert (task.settled, task.released, task.failed) == (1, 3, 0)
    assert task.ended_at == now + MINUTE
    assert_books_are_proved()


def test_a_scan_of_a_stopped_task_is_never_begun_again(
    account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    working.claim(account_id=account.pk, limit=1, now=now)
    scanning.stop(task=task, by=creator_of(account), now=now)
    later = now + 2 * working.LEASE

    working.sweep(now=later)

    task.refresh_from_db()
    assert task.ended_at == later
    assert Scan.objects.get().outcome == "expired"
    assert_books_are_proved()


def test_nothing_of_a_task_starts_after_its_stop_by(
    account: Account, now: datetime
) -> None:
    by_then = now + MINUTE / 2
    images = ImageFactory.create_batch(2, account=account)
    selection = Selection(Scope.SELECTED, ids=tuple(image.pk for image in images))
    task = reserve(
        account, ScanRequest(selection, ALL, "Nightly", stop_by=by_then), now
    )
    claimed = working.claim(account_id=account.pk, limit=1, now=now)

    assert claimed
    assert working.claim(account_id=account.pk, limit=1, now=by_then) is None
    working.sweep(now=by_then)

    task.refresh_from_db()
    assert (task.released, task.ended_at) == (1, None)
    assert "stop-by" in Scan.objects.get(state="released").message


def test_a_retry_is_a_task_of_the_failed_images_linked_to_the_first(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    fail(account, now, 1)
    later = now + timedelta(hours=1)

    retry = reserve(account, request(task, Scope.RETRY), later)
    finish(account, later)

    retry.refresh_from_db()
    assert (retry.images, retry.retry_of, retry.cost_tenths) == (1, task, 10)
    assert retry.settled == 1


def test_scanning_again_takes_every_image_as_a_repeat(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    finish(account, now)

    again = reserve(account, request(task, Scope.AGAIN), now + timedelta(hours=1))

    assert (again.images, again.retry_of, again.cost_tenths) == (3, None, 3)


def test_the_task_of_another_account_has_no_images_to_scan_again(
    account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    foreign = started(other, 2, now)
    ImageFactory.create(account=account)

    for scope in (Scope.RETRY, Scope.AGAIN):
        chosen = Selection(scope, task=foreign.pk).images(account.pk, now)

        assert not chosen.exists()


def test_a_replay_of_a_retry_returns_it_and_another_task_is_refused(
    account: Account, now: datetime
) -> None:
    tasks = [started(account, 1, now) for _ in range(2)]
    finish(account, now)
    key = uuid4()

    def again(task: ScanTask) -> ScanTask:
        return scanning.reserve(
            account=account,
            request=request(task, Scope.AGAIN),
            agreed=None,
            key=key,
            by=None,
            now=now + MINUTE,
        )

    first = again(tasks[0])

    assert again(tasks[0]) == first
    with pytest.raises(KeyReused):
        again(tasks[1])


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


def test_a_live_task_shows_progress_time_left_and_polls(
    signed_in: Client,
    account: Account,
    now: datetime,
    clock: "time_machine.Traveller",
) -> None:
    task = started(account, 10, now)
    claimed = working.claim(account_id=account.pk, limit=5, now=now)
    assert claimed
    ended = [
        ending.Ended(s.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report())
        for s in claimed.scans
    ]
    ending.end(account_id=account.pk, ended=ended, now=now + 6 * MINUTE)
    clock.move_to(now + 6 * MINUTE)

    page = signed_in.get(url("task", account, task.pk))
    poll = signed_in.get(url("task", account, task.pk), {"seen": "1"}, **HTMX)
    again = signed_in.get(url("task", account, task.pk), {"seen": "2"}, **HTMX)

    assertContains(page, "About 6 min left")
    assertContains(page, f"<title>50% Task {task.pk}")
    assertContains(page, 'hx-trigger="every 2s"')
    assertContains(page, "5 high")
    assertContains(page, '<meta http-equiv="refresh" content="10">')
    assertContains(poll, f"50% of task {task.pk} done.")
    assertNotContains(again, "done.")
    assertNotContains(poll, "<html")


def test_paused_updates_stay_paused_until_resumed(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 2, now)

    page = signed_in.get(url("task", account, task.pk), {"pause": "1"})

    assertContains(page, "Resume updates")
    assertNotContains(page, 'hx-trigger="every')
    assertNotContains(page, "http-equiv")


def test_a_task_that_ended_polls_no_more_and_can_be_scanned_again(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    fail(account, now, 1)

    page = signed_in.get(url("task", account, task.pk))

    assertNotContains(page, 'hx-trigger="every')
    assertContains(page, "Finished in 1 min")
    assertContains(page, "Retry 1 failed")
    assertContains(page, "Scan these again")
    assertContains(page, "The layer is broken. Pull it.")
    assertContains(page, "1 image failed and cost nothing.")


def test_the_images_of_a_task_are_filtered_and_paged(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 120, now)
    fail(account, now, 2)
    address = url("task", account, task.pk)
    seen: list[object] = []
    query = "?"
    while query:
        page = signed_in.get(f"{address}{query}").context["page"]
        seen += [row["url"] for row in page.rows]
        query = page.next_query

    failed = signed_in.get(address, {"only": "failed"}).context["page"]
    risk = signed_in.get(address, {"only": "risk"}).context["page"]
    assert len(seen) == len(set(seen)) == 120
    assert [row["url"] for row in failed.rows] == seen[:2]
    assert len(failed.rows) == 2
    assert risk.next_query
    assert [choice.label for choice in risk.choices] == [
        "All 120", "Failed 2", "With risk 118",
    ]  # fmt: skip


def test_a_result_in_part_is_a_result_and_says_what_is_missing(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    claimed = working.claim(account_id=account.pk, limit=1, now=now)
    assert claimed
    whole = report()
    partly = replace(
        whole,
        assessments=tuple(
            replace(each, assessed=each.category is Category.VULNERABILITIES)
            for each in whole.assessments
        ),
    )
    (scan,) = claimed.scans
    ended = ending.Ended(scan.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=partly)
    ending.end(account_id=account.pk, ended=[ended], now=now)

    page = signed_in.get(url("task", account, task.pk))

    assertContains(page, "Scanned in part")
    assertContains(page, "Trojans and viruses and sensitive data not assessed")
    task.refresh_from_db()
    assert (task.settled, task.used_tenths) == (1, 10)


def test_stopping_asks_once_in_place(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 4, now)
    working.claim(account_id=account.pk, limit=1, now=now)
    address = url("task", account, task.pk)

    asks = signed_in.get(address, {"stop": "1"})
    stopped = signed_in.post(url("stop-task", account, task.pk))
    after = signed_in.get(address)

    assertContains(
        asks, "Stop now? 1 image being scanned will finish. 3 will not start"
    )
    assertContains(asks, "Keep scanning")
    assert stopped.status_code == 302
    assertContains(after, "Stopping")
    assertContains(after, "Stopped by")


def test_the_flash_of_a_press_undoes_it(signed_in: Client, account: Account) -> None:
    image = ImageFactory.create(account=account)
    dialog = signed_in.get(url("scan-now", account, Kind.LOCAL), {"image": image.pk})
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', dialog.content.decode()))
    names = ("key", "agreed_set", "agreed_cost", "agreed_images")
    data = {name: hidden[name] for name in names}
    data |= {"image": str(image.pk), "scope": "selected", "categories": "trojans"}

    page = signed_in.post(url("scan-now", account, Kind.LOCAL), data, follow=True)
    task = ScanTask.objects.get()
    assertContains(page, f"Scan task {task.pk} started. 1 image, 1 quota held.")
    assertContains(page, f'action="{url("undo-task", account, task.pk)}"')
    undone = signed_in.post(url("undo-task", account, task.pk), follow=True)

    assertContains(undone, "was undone")
    assertContains(undone, "before the first image started")
    assertContains(signed_in.get(url("tasks", account)), "Undone")


def test_undo_that_comes_too_late_says_so(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    working.claim(account_id=account.pk, limit=1, now=now)

    page = signed_in.post(url("undo-task", account, task.pk), follow=True)

    assertContains(page, "already being scanned, so this cannot be undone")
    assertNotContains(page, "Undone by")


def test_the_retry_dialog_shows_the_failed_images_and_links_the_task(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    fail(account, now, 2)
    link = signed_in.get(url("task", account, task.pk)).context["page"].retry.url
    dialog = signed_in.get(link)
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', dialog.content.decode()))
    names = ("key", "agreed_set", "agreed_cost", "agreed_images", "retry")
    data: dict[str, object] = {name: hidden[name] for name in names}
    data |= {"scope": "retry", "categories": list(ALL)}

    response = signed_in.post(url("scan-now", account, Kind.LOCAL), data)

    assertContains(dialog, "Failed images of the earlier task")
    retry = ScanTask.objects.latest("pk")
    assert (retry.retry_of_id, retry.images) == (task.pk, 2)
    assert retry.title == f"Retry of task {task.pk}"
    assert response.headers["Location"] == url("task", account, retry.pk)
    before = signed_in.get(url("task", account, task.pk))
    assertContains(before, url("task", account, retry.pk))


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


def test_a_task_of_another_account_is_not_found(
    signed_in: Client, account: Account, now: datetime
) -> None:
    foreign = started(account_with(now=now, slug="other"), 1, now)

    assert signed_in.get(url("task", account, foreign.pk)).status_code == 404
    assert signed_in.post(url("undo-task", account, foreign.pk)).status_code == 404
    foreign.refresh_from_db()
    assert foreign.undone_at is None
