"""Who may open and do what in the back office: one table of every admin address."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Account, Adjustment, BankTransfer, Notice, User
from accounts.services import adjusting, transfers
from quota.models import ImageSource, OrderLine, RefundRequest, ScanTask
from quota.services import deciding, refunding
from quota.services.deciding import Decision, Staff
from quota.services.reconciling import prove
from quota.services.refunding import Asked
from tests.addresses import everything
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.snapshot import snapshot

pytestmark = pytest.mark.django_db
# What Django's own accounts of staff need no permission for.
OPEN_TO_STAFF = {
    "index", "login", "logout", "password_change", "password_change_done",
    "autocomplete", "jsi18n", "view_on_site", "app_list",
}  # fmt: skip
GROUPS = (
    "Auditor", "Refunds", "Refunds, second person", "Refunds after the end", "Top-ups",
    "Adjustments", "Money, second person", "Tariffs", "Support",
)  # fmt: skip
REFUNDERS = {"Refunds", "Refunds after the end"}
# Every act, its groups, and what is posted. A press by anyone else is refused (403).
ACTS: dict[str, set[str]] = {
    "quota_refundrequest_assign": REFUNDERS,
    "quota_refundrequest_approve": REFUNDERS,
    "quota_refundrequest_reject": REFUNDERS,
    "quota_refundrequest_confirm": {"Refunds, second person"},
    "quota_tariff_copy": {"Tariffs"},
    "quota_scantask_stop": {"Support"},
    "accounts_account_add": {"Support"},
    "procrastinate_procrastinatejob_retry": {"Support"},
    "accounts_account_look_begin": {"Support"},
    "accounts_user_reset_second_factor": {"Support"},
    "accounts_banktransfer_add": {"Top-ups"},
    "accounts_banktransfer_reverse": {"Money, second person"},
    "accounts_adjustment_add": {"Adjustments"},
    "accounts_adjustment_confirm": {"Money, second person"},
    "accounts_adjustment_decline": {"Adjustments"},
}
# The demo's inbox: for any member of staff, and only in the demo (test_demo_post).
INBOX = {"demo-inbox", "demo-message", "demo-message-html"}
# Whoever sees the back office; ending to look changes nothing for who does not look.
SEEN = {"changelist", "history", "change", "csv", "entries"}
HARMLESS = {"accounts_account_look_end"}
# Only a superuser; never in a group.
KEPT = {
    "auth_group_changelist", "auth_group_add", "auth_group_history",
    "auth_group_delete", "auth_group_change", "quota_imagesource_changelist",
    "quota_imagesource_add", "quota_imagesource_history", "quota_imagesource_delete",
    "quota_imagesource_change",
}  # fmt: skip
# Rows of these are only ever written by services: their pages refuse everybody.
REFUSED_TO_ALL = {"add", "delete"}


def names() -> list[str]:
    """Every named address of the admin."""
    found = {
        each.name
        for each in everything()
        if each.route.startswith("admin/") and each.name != each.route
    }
    return sorted(found - OPEN_TO_STAFF - INBOX)


@pytest.fixture
def rows(now: datetime) -> dict[str, int]:
    """A row for each address that names one."""
    account = account_with(now=now)
    press(account, [ImageFactory.create(account=account)], now)
    finish(account, now)
    line = OrderLine.objects.get(account=account, kind="pack")
    refund = refunding.request(
        account=account, line=line, asked=Asked(RefundRequest.Reason.OTHER),
        key=uuid4(), by=creator_of(account), now=now,
    )  # fmt: skip
    clerk = UserFactory.create(is_staff=True)
    transfers.record(
        account=account, amount=Decimal(5), bank_reference="B1", value_on=now.date(),
        by=clerk, address=None, now=now,
    )  # fmt: skip
    adjusting.ask(
        account=account, amount=Decimal(900), reason="Agreed.", key=uuid4(), by=clerk,
        address=None, now=now,
    )  # fmt: skip
    app.configure_task("quota.tasks.sweep").defer(timestamp=0)
    prove(clock=lambda: now)
    ImageSource.objects.create(account=account, kind="oci_layout", location="/images")
    return {
        "quota_refundrequest": refund.pk,
        "accounts_account": account.pk,
        "quota_scantask": ScanTask.objects.get().pk,
        "accounts_notice": Notice.objects.earliest("pk").pk,
        "accounts_banktransfer": BankTransfer.objects.get().pk,
        "accounts_adjustment": Adjustment.objects.get().pk,
        "procrastinate_procrastinatejob": ProcrastinateJob.objects.earliest("pk").pk,
    }


def address(name: str, rows: dict[str, int]) -> str:
    model = "_".join(name.split("_")[:2])
    act = name.removeprefix(f"{model}_")
    if act in {"changelist", "add", "csv"}:
        return reverse(f"admin:{name}")
    pk = rows.get(model)
    if pk is None:
        found = admin.site._registry
        (registered,) = [
            each for each in found
            if f"{each._meta.app_label}_{each._meta.model_name}" == model
        ]  # fmt: skip
        first = registered._default_manager.first()
        pk = first.pk if first else 1
    return reverse(f"admin:{name}", args=[pk])


def member_of_group(name: str) -> User:
    user: User = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return user


def test_the_table_names_every_address_of_the_admin() -> None:
    unknown = [
        name
        for name in names()
        if name not in ACTS.keys() | HARMLESS | KEPT
        and name.rsplit("_", 1)[-1] not in SEEN | REFUSED_TO_ALL
    ]

    assert unknown == []


def test_the_shipped_groups_are_those_of_the_table() -> None:
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted(GROUPS)
    assert set.union(*ACTS.values()) <= set(GROUPS)


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_sees_everything_and_does_its_own_acts(
    client: Client, rows: dict[str, int], group: str
) -> None:
    client.force_login(member_of_group(group))
    wrong = []
    for name in names():
        expected = allowed(name, group)
        seen = client.post if name in ACTS else client.get
        status = seen(address(name, rows)).status_code
        # An act that is allowed may still refuse the empty form (422), its second press
        # (409), or lead on (302); it never says 403.
        if (status != 403) != expected or status >= 500:
            wrong.append((name, status))

    assert wrong == []


def allowed(name: str, group: str) -> bool:
    if name in KEPT:
        return False
    if name in ACTS:
        return group in ACTS[name]
    return name in HARMLESS or name.rsplit("_", 1)[-1] not in REFUSED_TO_ALL


@pytest.mark.parametrize(
    "who", ["anonymous", "creator", "financial", "staff without a group"]
)
def test_nobody_else_gets_in(client: Client, rows: dict[str, int], who: str) -> None:
    account = Account.objects.get()
    people = {
        "creator": lambda: creator_of(account),
        "financial": lambda: member_of(account, financial=True),
        "staff without a group": lambda: UserFactory.create(is_staff=True),
    }
    if who in people:
        client.force_login(people[who]())
    before = snapshot()
    let_in = []
    for name in names():
        for method in (client.get, client.head, client.post, client.put):
            response = method(address(name, rows))
            to = response.headers.get("Location", "")
            # To the first page: there is no such row, which Django says before 403.
            away = to.startswith("/admin/login") or to == reverse("admin:index")
            closed = response.status_code in {403, 405} or away
            if not closed and name not in HARMLESS:
                let_in.append((name, method.__name__, response.status_code))

    assert let_in == []
    assert snapshot() == before


def test_a_member_of_the_account_decides_nothing_even_in_every_group(
    client: Client, rows: dict[str, int], now: datetime
) -> None:
    insider = creator_of(Account.objects.get())
    User.objects.filter(pk=insider.pk).update(is_staff=True)
    insider.groups.set(Group.objects.all())
    client.force_login(insider)
    seen = {"seen": "35.94", "amount": "35.94", "answer": "No.", "sure": "1"}

    for act in ("assign", "approve", "reject"):
        response = client.post(address(f"quota_refundrequest_{act}", rows), seen)
        assert response.status_code == 403, act
    assert RefundRequest.objects.get().state == "requested"


def test_the_first_person_is_never_the_second(
    client: Client, rows: dict[str, int], now: datetime, settings: Any
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    both = member_of_group("Refunds")
    both.groups.add(Group.objects.get(name="Refunds, second person"))
    deciding.approve(
        refund=RefundRequest.objects.get(),
        decision=Decision(seen=Decimal("35.94"), amount=Decimal("35.94")),
        staff=Staff(both, None),
        now=now,
    )
    client.force_login(both)

    response = client.post(
        address("quota_refundrequest_confirm", rows), {"seen": "35.94", "sure": "1"}
    )

    assert response.status_code == 403


@pytest.fixture
def superuser(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def test_no_list_takes_more_than_15_queries_or_counts_a_table(
    superuser: Client, rows: dict[str, int]
) -> None:
    lists = [name for name in names() if name.endswith("_changelist")]

    for name in ["index", *(each for each in lists if each not in KEPT)]:
        with CaptureQueriesContext(connection) as queries:
            response = superuser.get(reverse(f"admin:{name}"))
        assert response.status_code == 200, name
        assert len(queries) <= 15, (name, len(queries))
        counts = [q["sql"] for q in queries if "COUNT(" in q["sql"]]
        assert all("LIMIT" in sql for sql in counts), name


def test_no_page_of_the_admin_carries_inline_style_or_script(
    superuser: Client, rows: dict[str, int]
) -> None:
    for name in names():
        if name in ACTS or name.endswith(("_csv", "_entries", "_delete")):
            continue
        page = superuser.get(address(name, rows), follow=True)
        text = getattr(page, "content", b"").decode()
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        for inline in (" style=", "<style", "<script>", " onclick="):
            assert inline not in text, (name, inline)
