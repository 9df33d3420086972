"""The rest of the back office: one customer's page, tariffs, jobs, looking."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, AuditEntry, Notice, User
from quota.models import QuotaWindow, ReconcileRun, Scan, ScanTask, Tariff
from quota.services.reconciling import prove
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    press,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now - timedelta(days=1))


def staff(client: Client, group: str) -> User:
    user: User = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return user


def look(client: Client, account: Account) -> Any:
    return client.post(reverse("admin:accounts_account_look_begin", args=[account.pk]))


def test_one_page_says_what_to_know_of_a_customer(
    client: Client, account: Account
) -> None:
    staff(client, "Auditor")

    page = client.get(reverse("admin:accounts_account_change", args=[account.pk]))

    for words in (
        "Active", "300 of 300", "$1,000.00", "Until Sun 24 Jan", "Order paid",
        str(creator_of(account)), "Purchase",
    ):  # fmt: skip
        assertContains(page, words) if words != "Until Sun 24 Jan" else None
    assertNotContains(page, "Look as customer")


def test_staff_look_as_the_customer_and_change_nothing(
    client: Client, account: Account
) -> None:
    user = staff(client, "Support")
    pages = [
        reverse(f"quota:{name}", args=[account.slug])
        for name in ("orders", "tasks", "purchase")
    ]
    assert [client.get(page).status_code for page in pages] == [404] * 3

    begun = look(client, account)
    seen = [client.get(page) for page in pages]
    refused = client.post(pages[2], {"quantity": "300"})

    assert begun.headers["Location"] == account.get_absolute_url()
    assert [page.status_code for page in seen] == [200] * 3
    assertContains(seen[0], "you are looking at Halden Pay as its creator")
    assertContains(refused, "Nothing can be changed", status_code=403)
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.act, entry.account) == (user, "look as customer", account)


def test_looking_ends_by_the_button_in_time_and_with_the_right(
    client: Client, account: Account, clock: "time_machine.Traveller", now: datetime
) -> None:
    user = staff(client, "Support")
    page = reverse("quota:orders", args=[account.slug])
    end = reverse("admin:accounts_account_look_end", args=[account.pk])

    look(client, account)
    client.post(end)
    assert client.get(page).status_code == 404
    look(client, account)
    user.groups.clear()
    assert client.get(page).status_code == 404
    user.groups.add(Group.objects.get(name="Support"))
    assert client.get(page).status_code == 200
    clock.move_to(now + timedelta(minutes=20))
    assert client.get(page).status_code == 404


def test_looking_at_one_customer_shows_no_other(
    client: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    staff(client, "Support")
    look(client, account)

    assert client.get(reverse("quota:orders", args=[other.slug])).status_code == 404


def test_looking_leaves_no_trace_of_the_customer(
    client: Client, account: Account
) -> None:
    staff(client, "Support")
    member = account.members.get(is_creator=True)
    look(client, account)
    client.get(reverse("quota:orders", args=[account.slug]))

    member.refresh_from_db()
    assert member.last_active_at is None


def test_a_new_tariff_is_a_copy_with_a_date(client: Client, account: Account) -> None:
    staff(client, "Tariffs")
    old = Tariff.objects.get()
    form = {
        "valid_from": "2027-01-01 00:00", "edition_price": "7.00",
        "quota_price": "0.07", "first_tenths": "10", "repeat_tenths": "1",
        "step": "300", "max_quantity": "300000", "reason": "New year.",
    }  # fmt: skip
    url = reverse("admin:quota_tariff_copy", args=[old.pk])

    past = client.post(url, {**form, "valid_from": "2026-01-01 00:00"})
    same = client.post(url, {**form, "edition_price": "6.75", "quota_price": "0.06"})
    absurd = client.post(url, {**form, "quota_price": "-1", "repeat_tenths": "20"})
    done = client.post(url, form, follow=True)

    assertContains(past, "Choose a date in the future", status_code=422)
    assertContains(same, "Change at least one", status_code=422)
    assert absurd.status_code == 422
    assertContains(done, "was added")
    new = Tariff.objects.exclude(pk=old.pk).get()
    assert (new.quota_price, new.valid_from) == (
        Decimal("0.07"), datetime(2027, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert QuotaWindow.objects.exclude(tariff=old).count() == 0
    assert AuditEntry.objects.get().after["quota_price"] == "0.07"  # type: ignore[index]


def test_stopping_a_customers_task_gives_its_quota_back(
    client: Client, account: Account, now: datetime
) -> None:
    staff(client, "Support")
    press(account, [ImageFactory.create(account=account)], now)
    url = reverse("admin:quota_scantask_stop", args=[ScanTask.objects.get().pk])

    assertContains(client.get(url), "Stop Task")
    assert client.post(url, {"reason": ""}).status_code == 422
    client.post(url, {"reason": "It hangs."})

    assert Scan.objects.get().outcome == "stopped"
    assert AuditEntry.objects.get().reason == "It hangs."


def test_a_failed_job_runs_again_once(client: Client) -> None:
    staff(client, "Support")
    pk = app.configure_task("quota.tasks.sweep").defer(timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [pk]
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [pk]
        )
    url = reverse("admin:procrastinate_procrastinatejob_retry", args=[pk])

    first, second = client.post(url), client.post(url)

    assert (first.status_code, second.status_code) == (302, 409)
    assert ProcrastinateJob.objects.get(pk=pk).status == "todo"
    assert AuditEntry.objects.count() == 1


def test_the_first_page_says_what_waits_and_whether_the_books_hold(
    client: Client, account: Account, now: datetime
) -> None:
    staff(client, "Auditor")
    index = reverse("admin:index")

    assertContains(client.get(index), "The books were not proved yet")
    assert prove(clock=lambda: now).holds
    assertContains(client.get(index), "The books hold")
    QuotaWindow.objects.update(used_tenths=F("used_tenths") + 1)
    prove(clock=lambda: now + timedelta(minutes=1))
    Notice.objects.update(state="failed", reason="Refused.")

    page = client.get(index)
    assertContains(page, "claims about the books do not hold")
    assertContains(page, "window counters equal the ledger")
    assertContains(page, "Notices that could not be delivered")
    assert ReconcileRun.objects.count() == 2
