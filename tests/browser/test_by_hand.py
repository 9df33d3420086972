"""One scan and one purchase by keyboard alone, and without scripts; and what happens
when a browser is slow, doubled, signed out, or cut off."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from quota.models import Order, RefundRequest, ScanTask
from tests.browser.walk import entered, listen
from tests.factories import ImageFactory, account_with, creator_of, finish, press

pytestmark = pytest.mark.django_db(transaction=True)
# More presses of Tab than any page of ours has stops.
MOST_STOPS = 90
CUT_OFF = re.compile(
    r"htmx:(afterRequest|sendError|responseError)|net::ERR|Status Error"
)


@pytest.fixture
def account() -> Account:
    now = timezone.now() - timedelta(days=3)
    account = account_with(now=now)
    images = ImageFactory.create_batch(5, account=account)
    press(account, images[:1], now)
    finish(account, now)
    return account


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, account: Account) -> Iterator[Page]:
    """A window of the creator's, on the local images, whose console says nothing but
    that a request was cut off."""
    page = entered(browser, live_server, creator_of(account)).new_page()
    heard = listen(page)
    page.goto(f"{live_server.url}/a/halden-pay/images/local")
    yield page
    assert [words for words in heard if not CUT_OFF.search(words)] == []


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus, and see that the focus shows."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("(each) => each === document.activeElement"):
            outline = wanted.evaluate(
                "(each) => getComputedStyle(each).outlineStyle"
                " + getComputedStyle(each.closest('.stepper') ?? each).outlineStyle"
            )
            assert outline != "nonenone", "the focus does not show"
            return
    raise AssertionError(f"Tab never reaches {wanted}.")


def test_by_keyboard_alone_from_signing_in_to_the_receipt(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = entered(browser, live_server, None).new_page()
    heard = listen(page)
    page.goto(f"{live_server.url}/sign-in?next=/a/halden-pay/images/local")
    expect(page.locator("#id_username")).to_be_focused()
    page.keyboard.type(creator_of(account).email)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Local images")
    page.wait_for_load_state()  # the scripts, which hear the keys, run before its end

    # Filter: the first choices of the state's list lead to what was never scanned.
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#rows tbody tr")).to_have_count(4)
    expect(page.locator("#count")).to_have_text("4 images")

    # Select two, scan them, and watch the task.
    boxes = page.locator('#rows input[name="image"]')
    tab_to(page, boxes.nth(0))
    page.keyboard.press("Space")
    tab_to(page, boxes.nth(1))
    page.keyboard.press("Space")
    scan = page.locator(".bulk a.primary")
    expect(scan).to_contain_text("2 quota")
    tab_to(page, scan)
    page.keyboard.press("Enter")
    press_it = page.locator("#modal button.primary", has_text="Scan now")
    expect(press_it).to_be_visible()
    tab_to(page, press_it)
    page.keyboard.press("Enter")
    watch = page.locator("#flash a").first
    expect(page.locator("#flash")).to_contain_text("2 images, 2 quota held")
    task = ScanTask.objects.latest("pk")
    tab_to(page, watch)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live_server.url}/a/halden-pay/tasks/{task.pk}")
    finish(account, timezone.now())
    expect(page.locator("main")).to_contain_text("2 scanned", timeout=15_000)

    # Buy: the dialog takes the focus, the arrow adds a step, and Esc gives it back.
    page.goto(f"{live_server.url}/a/halden-pay/images/local")
    buy = page.locator("#quota a.btn")
    tab_to(page, buy)
    page.keyboard.press("Enter")
    expect(page.locator("#quantity")).to_be_focused()
    expect(page.locator(".htmx-settling")).to_have_count(0)
    page.keyboard.press("ArrowUp")
    pay = page.locator("#modal button.primary", has_text="Pay $72.00")
    expect(pay).to_be_visible()
    tab_to(page, pay)
    page.keyboard.press("Enter")
    expect(page.locator("#modal")).to_contain_text("600 scans added")
    receipt = page.locator("#modal a", has_text="receipt")
    tab_to(page, receipt)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Order")
    assert Order.objects.count() == 2

    # Ask for it back: the first letters choose the reason.
    back = page.locator(".page-head a", has_text="Request a refund")
    tab_to(page, back)
    page.keyboard.press("Enter")
    reason = page.locator("#modal #reason")
    expect(reason).to_be_visible()
    tab_to(page, reason)
    page.keyboard.press("ArrowDown")
    tab_to(page, page.locator('#modal input[name="understood"]'))
    page.keyboard.press("Space")
    tab_to(page, page.locator("#modal button.primary"))
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Refund of the purchase of 600")
    assert RefundRequest.objects.get().order == Order.objects.latest("pk")
    assert heard == []


def test_without_scripts_from_signing_in_to_the_receipt(
    browser: Browser, live_server: LiveServer, account: Account
) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{live_server.url}/sign-in?next=/a/halden-pay/images/local")
    page.fill("#id_username", creator_of(account).email)
    page.fill("#id_password", "correct horse")
    page.click("button.primary")

    page.select_option("#f-state", "not_scanned")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.locator("#rows tbody tr")).to_have_count(4)
    expect(page.locator("#count")).to_have_text("4 images")
    page.locator('#rows input[name="image"]').nth(0).check()
    page.get_by_role("button", name="Scan selected images").click()
    page.get_by_role("button", name="Scan now").click()
    expect(page.locator("#flash")).to_contain_text("1 image")
    page.goto(
        f"{live_server.url}/a/halden-pay/tasks/{ScanTask.objects.latest('pk').pk}"
    )
    finish(account, timezone.now())
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator("main")).to_contain_text("1 scanned")
    page.goto(f"{live_server.url}/a/halden-pay/subscription/purchase")
    page.get_by_role("button", name="Pay $36.00 from balance").click()
    expect(page.locator("h1")).to_contain_text("Order")


def test_back_after_a_filter_and_after_a_dialog(page: Page, account: Account) -> None:
    whole = page.url
    page.select_option("#f-state", "not_scanned")
    expect(page.locator("#count")).to_have_text("4 images")
    page.go_back()
    expect(page).to_have_url(whole)
    expect(page.locator("#count")).to_have_text("5 images")
    expect(page.locator("#rows tbody tr")).to_have_count(5)

    page.locator("#quota a.btn").click()
    expect(page.locator("#modal")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#modal")).to_be_hidden()
    expect(page.locator("#quota a.btn")).to_be_focused()


def test_two_windows_cannot_buy_twice_unseen(
    browser: Browser, live_server: LiveServer, page: Page, account: Account
) -> None:
    other = page.context.new_page()
    for each in (page, other):
        each.goto(f"{live_server.url}/a/halden-pay/images/local")
        each.locator("#quota a.btn").click()
        expect(each.locator("#modal button.primary")).to_contain_text("Pay $36.00")

    page.locator("#modal button.primary").click()
    expect(page.locator("#modal")).to_contain_text("300 scans added")
    other.locator("#modal button.primary").click()

    expect(other.locator("#modal .note.warn")).to_be_visible()
    expect(other.locator("#modal .note.warn a")).to_have_text("Orders")
    assert Order.objects.count() == 2


def test_a_session_that_ended_is_signed_in_whole_and_comes_back(
    live_server: LiveServer, page: Page, account: Account
) -> None:
    page.select_option("#f-state", "not_scanned")
    expect(page.locator("#count")).to_have_text("4 images")
    filtered = page.url
    Session.objects.all().delete()

    page.locator(".page-head a", has_text="Scan now").click()

    expect(page.locator("body.gate h1")).to_have_text("Sign in")
    assert page.locator("dialog").count() == 0
    page.fill("#id_username", creator_of(account).email)
    page.fill("#id_password", "correct horse")
    page.click("button.primary")
    expect(page).to_have_url(filtered)


def test_a_poll_that_is_cut_off_says_so_once_and_recovers(
    live_server: LiveServer, page: Page, account: Account
) -> None:
    press(account, list(account.image_set.order_by("pk")[2:4]), timezone.now())
    task = ScanTask.objects.latest("pk")
    page.goto(f"{live_server.url}/a/halden-pay/tasks/{task.pk}")
    tries = 0

    def cut(route: Route) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            route.abort()
        else:
            route.fulfill(status=502, body="A proxy whose server is away.")

    page.route("**/tasks/**", cut)
    expect(page.locator(".said")).to_have_text(
        "No connection. Figures may be old.", timeout=15_000
    )
    while tries < 3:
        page.wait_for_timeout(200)
    expect(page.locator(".said")).to_have_text("No connection. Figures may be old.")
    page.unroute("**/tasks/**")
    finish(account, timezone.now())

    expect(page.locator("main")).to_contain_text("2 scanned", timeout=15_000)
    expect(page.locator(".said")).to_have_count(0)


def test_a_page_that_asks_by_itself_says_so_and_a_press_does_not(
    live_server: LiveServer, page: Page, account: Account
) -> None:
    press(account, list(account.image_set.order_by("pk")[2:4]), timezone.now())
    task = ScanTask.objects.latest("pk")
    page.goto(f"{live_server.url}/a/halden-pay/tasks/{task.pk}")

    with page.expect_request("**/tasks/*seen=*") as by_itself:
        pass
    with page.expect_request("**/tasks/*pause=1*") as by_hand:
        page.click("#pause")

    assert "x-poll" in by_itself.value.headers
    assert "x-poll" not in by_hand.value.headers


def test_a_list_that_does_not_load_can_be_asked_for_again(page: Page) -> None:
    page.route("**/images/local?*", lambda route: route.abort())
    page.select_option("#f-state", "not_scanned")
    expect(page.locator(".said")).to_contain_text("No connection.")
    page.unroute("**/images/local?*")

    page.locator(".said a", has_text="Try again").click()

    expect(page.locator("#count")).to_have_text("4 images")
    expect(page.locator("#f-state")).to_have_value("not_scanned")


def test_an_error_in_a_dialog_is_said_in_it_and_what_was_typed_stays(
    page: Page, account: Account
) -> None:
    page.locator("#quota a.btn").click()
    page.fill("#quantity", "900")
    expect(page.locator("#modal button.primary")).to_contain_text("Pay $108.00")
    page.context.clear_cookies(name="csrftoken")

    page.locator("#modal button.primary").click()

    expect(page.locator("#modal .said")).to_contain_text("This page was open too long.")
    expect(page.locator("#quantity")).to_have_value("900")
    assert Order.objects.count() == 1


def test_the_keys_are_listed_and_can_be_turned_off(
    live_server: LiveServer, page: Page
) -> None:
    page.keyboard.press("?")
    expect(page.locator("#modal h2")).to_have_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{live_server.url}/a/halden-pay/images/local")
    page.goto(f"{live_server.url}/preferences")
    page.get_by_label("Dark").check()
    page.get_by_label("Single keys do something").uncheck()
    page.get_by_role("button", name="Save").click()
    page.goto(f"{live_server.url}/a/halden-pay/images/local")
    page.keyboard.press("/")

    expect(page.locator("#q")).not_to_be_focused()
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(13, 16, 20)"
