"""*Scheduled scan settings* as a page, a drawer and without a script."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account
from quota.models import Image, Kind, ScanTask, Schedule, Scope
from quota.models.schedules import Settings
from quota.services import scheduling
from tests.factories import (
    ALL,
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HTMX: Any = {"HTTP_HX_REQUEST": "true"}
GOOD: dict[str, Any] = {
    "is_on": "1",
    "cycle_days": "1",
    "start": "02:00",
    "stop_by": "",
    "categories": list(ALL),
    "scope": "all",
    "fit": "",
    "revision": "0",
}


def url(name: str, account: Account, kind: Kind = Kind.LOCAL) -> str:
    return reverse(f"quota:{name}", args=[account.slug, kind])


@pytest.fixture
def scanned(account: Account, now: datetime) -> list[Image]:
    """Twenty images with a result of two days ago."""
    images = ImageFactory.create_batch(20, account=account)
    press(account, images, now - timedelta(days=2))
    finish(account, now - timedelta(days=2))
    return images


def test_the_page_shows_what_the_runs_cost_until_the_reset(
    signed_in: Client, account: Account, scanned: list[Image]
) -> None:
    page = signed_in.get(url("schedule", account), GOOD)

    assertContains(page, "First run: 0 first, 20 repeat")
    assertContains(page, "27 runs until the reset on 21 Dec")
    assertContains(page, "54.0")
    assertContains(page, "Left for scans you start yourself")
    assertContains(page, "226.0")
    assertContains(page, "Next run: tomorrow, 02:00, costs 2.")


def test_a_schedule_that_would_not_last_names_the_run_and_the_cheaper_cycle(
    signed_in: Client, account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(150, account=account)
    press(account, images, now)
    finish(account, now)

    page = signed_in.get(url("schedule", account), GOOD)

    assertContains(page, "Short by")
    assertContains(page, "The run of Sat 5 Dec would no longer fit")
    assertContains(page, "Every 7 days costs 60 and leaves 90 for scans you start")


def test_recommended_images_are_counted_once_a_week(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create_batch(10, account=account, containers=1)

    page = signed_in.get(url("schedule", account), {**GOOD, "scope": "recommended"})

    costs = page.context["page"].costs
    lines = {line.label: line.quota for line in costs.lines}
    assert lines["27 runs until the reset on 21 Dec"] == "13.0"  # 10 + 3 × 1


def test_saving_says_when_it_runs_next_and_can_be_undone(
    signed_in: Client, account: Account, scanned: list[Image]
) -> None:
    saved = signed_in.post(url("schedule", account), GOOD, follow=True)

    schedule = Schedule.objects.get()
    assert schedule.due_at == datetime(2026, 11, 25, 2, tzinfo=UTC)
    assert schedule.saved_by == creator_of(account)
    assertContains(saved, "Schedule saved. Next run: tomorrow, 02:00, costs 2.")
    data = {"revision": schedule.revision}
    undone = signed_in.post(url("schedule-undo", account), data, follow=True)
    again = signed_in.post(url("schedule-undo", account), data, follow=True)

    assertContains(undone, "The schedule is as it was before.")
    assertContains(again, "can no longer be undone")
    schedule.refresh_from_db()
    assert not schedule.is_on


def test_a_run_that_was_missed_comes_next_until_cycle_or_start_change(
    signed_in: Client,
    account: Account,
    scanned: list[Image],
    clock: "time_machine.Traveller",
) -> None:
    signed_in.post(url("schedule", account), GOOD)
    clock.move_to(datetime(2026, 11, 26, 9, tzinfo=UTC))
    signed_in.force_login(creator_of(account))

    same = signed_in.get(url("schedule", account), {**GOOD, "fit": "1"})
    later = signed_in.get(url("schedule", account), {**GOOD, "start": "03:00"})

    assertContains(same, "Next run: now, costs 2.")
    assertContains(same, "26 runs until the reset on 21 Dec")
    assertContains(later, "Next run: tomorrow, 03:00, costs 2.")
    assertContains(later, "25 runs until the reset on 21 Dec")


def test_turning_it_off_says_so(
    signed_in: Client, account: Account, scanned: list[Image]
) -> None:
    signed_in.post(url("schedule", account), GOOD)
    off = {**GOOD, "revision": "1"}
    del off["is_on"]

    page = signed_in.post(url("schedule", account), off, follow=True)

    assertContains(page, "Schedule turned off.")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"cycle_days": "3"}, "1, 7, 15 or 30 days"),
        ({"cycle_days": ""}, "Choose a scan cycle"),
        ({"stop_by": "02:00"}, "Stop by must differ from Start at."),
        ({"start": "25:00"}, "Enter a time such as 02:00."),
        ({"start": ""}, "Enter a time such as 02:00."),
        ({"stop_by": "soon"}, "Enter a time such as 02:00."),
        ({"categories": []}, "Choose at least one risk category."),
        ({"categories": ["weather"]}, "There is no risk category weather."),
        ({"scope": "selected"}, "Choose at least one image."),
        ({"scope": "galaxy"}, "Choose which images to scan."),
        ({"image": ["x"], "scope": "selected"}, "Choose images from the list."),
        ({"fit": "maybe"}, "Choose what happens when quota is short."),
        ({"left_out": " ".join(f"n{n}" for n in range(51))}, "at most 50 names"),
        ({"left_out": "n" * 201}, "at most 200 characters"),
    ],
)
def test_bad_input_is_a_sentence_beside_its_field_and_saves_nothing(
    signed_in: Client, account: Account, bad: dict[str, object], words: str
) -> None:
    plain: dict[str, Any] = {}
    for more in (plain, HTMX):
        response = signed_in.post(url("schedule", account), {**GOOD, **bad}, **more)

        assertContains(response, words, status_code=422)
    assert not Schedule.objects.exists()


def test_a_revision_somebody_else_replaced_is_refused_and_theirs_shown(
    signed_in: Client, account: Account
) -> None:
    signed_in.post(url("schedule", account), {**GOOD, "cycle_days": "7"})

    stale = signed_in.post(url("schedule", account), {**GOOD, "cycle_days": "30"})

    assertContains(stale, "changed since it was shown", status_code=409)
    assertContains(stale, 'value="7" checked', status_code=409)
    assert Schedule.objects.get().cycle_days == 7


def test_the_estimate_answers_alone_and_carries_the_next_run(
    signed_in: Client, account: Account, scanned: list[Image]
) -> None:
    response = signed_in.get(url("schedule-estimate", account), GOOD, **HTMX)
    bad = signed_in.get(
        url("schedule-estimate", account), {**GOOD, "stop_by": "02:00"}, **HTMX
    )

    assertNotContains(response, "<form")
    assertContains(response, 'hx-swap-oob="innerHTML:#next-run"')
    assertContains(bad, "Correct what is marked", status_code=422)


def test_saving_from_the_drawer_leads_back_to_the_list(
    signed_in: Client, account: Account
) -> None:
    response = signed_in.post(url("schedule", account), GOOD, **HTMX)

    assert response.headers["HX-Redirect"] == url("images", account)


def test_ticked_images_are_added_to_the_chosen_ones(
    signed_in: Client, account: Account
) -> None:
    first, second, third = ImageFactory.create_batch(3, account=account)
    chosen = {**GOOD, "scope": "selected", "image": [first.pk]}
    signed_in.post(url("schedule", account), chosen)

    bar = signed_in.get(url("selection", account), {"image": [second.pk]}, **HTMX)
    drawer = signed_in.get(url("schedule", account), {"image": [second.pk]})

    assertContains(bar, f"{url('schedule', account)}?image={second.pk}")
    names = [image.name for image in drawer.context["page"].chosen]
    assert names == [str(first), str(second)]
    assertNotContains(drawer, str(third))
    assertContains(drawer, "2 images")


def test_an_image_of_another_account_is_never_scheduled(
    signed_in: Client, account: Account, now: datetime
) -> None:
    foreign = ImageFactory.create(account=account_with(now=now, slug="other"))
    data = {**GOOD, "scope": "selected", "image": [foreign.pk]}

    page = signed_in.get(url("schedule", account), data)
    signed_in.post(url("schedule", account), data)
    scheduling.queue_due(now=now + timedelta(days=1))

    assertNotContains(page, foreign.name)
    assert not ScanTask.objects.exists()


@pytest.mark.parametrize(
    ("settings", "images", "words"),
    [
        (Settings(is_on=True, scope=Scope.ALL), 2, "2 images, 2 quota"),
        (Settings(is_on=True, scope=Scope.ALL), 301, "not enough quota"),
        (Settings(is_on=True), 2, "nothing to scan"),
    ],
)
def test_the_last_run_is_told_in_words(
    signed_in: Client,
    account: Account,
    clock: "time_machine.Traveller",
    now: datetime,
    settings: Settings,
    images: int,
    words: str,
) -> None:
    ImageFactory.create_batch(images, account=account)
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=settings,
        revision=0,
        by=None,
        now=now,
    )
    at_two = datetime(2026, 11, 25, 2, tzinfo=UTC)
    scheduling.queue_due(now=at_two)
    finish(account, at_two)
    clock.move_to(at_two + timedelta(hours=6))
    signed_in.force_login(creator_of(account))

    page = signed_in.get(url("schedule", account))

    assertContains(page, f"Last run today, 02:00: {words}")


def test_a_run_that_was_made_up_says_when_and_how_long_it_could_take(
    signed_in: Client,
    account: Account,
    clock: "time_machine.Traveller",
    now: datetime,
) -> None:
    ImageFactory.create(account=account)
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=Settings(is_on=True, scope=Scope.ALL, stop_by=time(5)),
        revision=0,
        by=None,
        now=now,
    )
    back = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
    scheduling.queue_due(now=back)
    clock.move_to(back + timedelta(minutes=1))
    signed_in.force_login(creator_of(account))

    page = signed_in.get(url("schedule", account))

    assertContains(
        page,
        "Last run today, 02:00, made up today, 07:30, with time until 10:30: 0 images",
    )


def test_a_repository_schedule_may_take_the_latest_tags_only(
    signed_in: Client, account: Account
) -> None:
    data = {**GOOD, "latest_only": "1", "left_out": "sandbox/*\nteam/app:1.0"}

    page = signed_in.get(url("schedule", account, Kind.REPOSITORY), data)
    signed_in.post(url("schedule", account, Kind.REPOSITORY), data)

    assertContains(page, "Only the latest tag")
    settings = Schedule.objects.get().settings
    assert settings.latest_only
    assert settings.left_out == ("sandbox/*", "team/app:1.0")


def test_a_suspended_account_sees_that_runs_are_skipped(
    client: Client, now: datetime
) -> None:
    account = account_with(months=1, now=now - timedelta(days=33), slug="late")
    client.force_login(creator_of(account))

    page = client.get(url("schedule", account))

    assertContains(page, "are skipped and not made up")
    assertContains(page, "Runs are skipped until Professional Edition is active")


def test_a_viewer_is_refused_and_a_stranger_finds_nothing(
    client: Client, account: Account
) -> None:
    client.force_login(member_of(account))
    names = ("schedule", "schedule-estimate")
    assert [client.get(url(name, account)).status_code for name in names] == [403] * 2
    assertNotContains(client.get(url("images", account)), "Scheduled scan settings")
    assert client.post(url("schedule-undo", account)).status_code == 403
    client.force_login(UserFactory.create())
    assert [client.get(url(name, account)).status_code for name in names] == [404] * 2
    assert client.post(url("schedule-undo", account)).status_code == 404


def test_the_page_asks_no_more_queries_for_more_images(
    signed_in: Client, account: Account, scanned: list[Image]
) -> None:
    def asked() -> int:
        signed_in.get(url("schedule", account), GOOD)
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(url("schedule", account), GOOD)
        return len(captured)

    few = asked()
    ImageFactory.create_batch(100, account=account)

    assert asked() == few <= 16


def test_undo_comes_too_late_after_ten_minutes(
    signed_in: Client, account: Account, clock: "time_machine.Traveller", now: datetime
) -> None:
    signed_in.post(url("schedule", account), GOOD)
    clock.move_to(now + timedelta(minutes=10))

    page = signed_in.post(url("schedule-undo", account), {"revision": "1"}, follow=True)

    assertContains(page, "can no longer be undone")
    assert Schedule.objects.get().is_on


def test_settings_survive_being_written_down() -> None:
    settings = Settings(
        is_on=True, cycle_days=15, start=time(23, 59), stop_by=time(0, 1),
        scope=Scope.SELECTED, images=(3, 4), left_out=("a/*",), fit=True,
    )  # fmt: skip

    assert Settings.from_plain(settings.plain()) == settings
    assert Settings.from_plain(replace(settings, stop_by=None).plain()).stop_by is None


def test_scan_now_leaves_out_names_and_says_what_is_wrong_with_them(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create(account=account, name="sandbox/one")
    ImageFactory.create(account=account, name="web/shop")

    page = signed_in.get(
        url("scan-now", account), {"scope": "all", "left_out": "sandbox/*"}
    )
    bad = signed_in.get(
        url("scan-now", account), {"scope": "all", "left_out": "n" * 201}
    )

    assert page.context["estimate"].images == 1
    assertContains(page, "Leave out images, time limit")
    assertContains(page, "Images that fail give theirs back.")
    assertContains(bad, "at most 200 characters", status_code=422)
