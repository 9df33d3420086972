"""Deciding a refund as a new member of staff would, in a real browser."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from quota.models import Order, OrderLine, RefundRequest
from quota.services import refunding
from quota.services.refunding import Asked
from tests.factories import ImageFactory, UserFactory, account_with, creator_of, press

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff() -> User:
    user: User = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.get(name="Refunds"))
    return user


@pytest.fixture
def refund() -> RefundRequest:
    now = timezone.now() - timedelta(days=4)
    account = account_with(now=now)
    refund = refunding.request(
        account=account,
        line=OrderLine.objects.get(account=account, kind="pack"),
        asked=Asked(RefundRequest.Reason.MOVING),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )
    images = ImageFactory.create_batch(2, account=account)
    press(account, images, timezone.now())
    return refund


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    page.goto(f"{server.url}/sign-in?next=/admin/")
    page.fill("#id_username", user.email)
    page.fill("#id_password", "correct horse")
    page.click("button.primary")
    expect(page.locator(".staff-mark")).to_be_visible()


def decide(page: Page) -> None:
    """From the first page to a decided refund: what a new person finds by reading."""
    page.get_by_role("link", name="Refund requests that are late").click()
    page.locator("#result_list .field-request a").first.click()
    page.get_by_role("button", name="Assign to me").click()
    page.get_by_label("Stop them now").check()
    page.get_by_role("button", name="Approve refund of $36.00").click()
    expect(page.locator("h1")).to_have_text("Approve $36.00 to Halden Pay?")
    page.get_by_role("button", name="Yes, approve $36.00").click()
    expect(page.locator(".messagelist")).to_contain_text(
        "$36.00 added to Halden Pay's balance"
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_a_refund_is_decided_from_the_first_page(
    browser: Browser,
    live_server: LiveServer,
    staff: User,
    refund: RefundRequest,
    scripts: bool,
) -> None:
    page = browser.new_context(java_script_enabled=scripts).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    sign_in(page, live_server, staff)
    begun = timezone.now()

    decide(page)

    assert timezone.now() - begun < timedelta(minutes=1)
    assert said == []
    assert Order.objects.filter(kind="refund").count() == 1
