"""One scan task: its progress while it runs, its images, stopping it in place."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import (
    Scan,
    ScanTask,
)
from quota.scanners.port import Category
from quota.services import ending, working
from tests.addresses import url
from tests.factories import (
    ALL,
    ImageFactory,
    account_with,
    finish,
    report,
)
from tests.quota.task_acts import MINUTE, fail, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HTMX: Any = {"HTTP_HX_REQUEST": "true"}


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
    dialog = signed_in.get(url("scan-now", account), {"image": image.pk})
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', dialog.content.decode()))
    names = ("key", "agreed_set", "agreed_cost", "agreed_images")
    data = {name: hidden[name] for name in names}
    data |= {"image": str(image.pk), "scope": "selected", "categories": "trojans"}

    page = signed_in.post(url("scan-now", account), data, follow=True)
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

    response = signed_in.post(url("scan-now", account), data)

    assertContains(dialog, "Failed images of the earlier task")
    retry = ScanTask.objects.latest("pk")
    assert (retry.retry_of_id, retry.images) == (task.pk, 2)
    assert retry.title == f"Retry of task {task.pk}"
    assert response.headers["Location"] == url("task", account, retry.pk)
    before = signed_in.get(url("task", account, task.pk))
    assertContains(before, url("task", account, retry.pk))


def test_a_task_of_another_account_is_not_found(
    signed_in: Client, account: Account, now: datetime
) -> None:
    foreign = started(account_with(now=now, slug="other"), 1, now)

    assert signed_in.get(url("task", account, foreign.pk)).status_code == 404
    assert signed_in.post(url("undo-task", account, foreign.pk)).status_code == 404
    foreign.refresh_from_db()
    assert foreign.undone_at is None


def test_what_was_found_leads_to_its_findings(
    signed_in: Client, account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    finish(account, now)
    (scan,) = task.scans.all()
    Scan.objects.update(found={**(scan.found or {}), "trojans": 2})
    image = url("image", account, scan.image_digest)

    page = signed_in.get(url("task", account, task.pk))
    (row,) = signed_in.get(url("tasks", account)).context["page"].rows

    assertContains(page, f'<a class="plain" href="{image}"><span class="sev"')
    assertContains(page, f'href="{image}?tab=trojans" aria-label="2 trojans"')
    assertNotContains(page, f"{image}?tab=sensitive_data")
    risky = signed_in.get(row.found_url).context["page"].rows
    assert [each["id"] for each in risky] == [scan.pk]
