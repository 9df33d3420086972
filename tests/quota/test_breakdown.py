"""*Usage broken down*: every way adds up to what the ledger says was used."""

import csv
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.test import Client

from accounts.models import Account, User
from quota.models import Kind, NameUsage, QuotaWindow
from quota.pages.breakdown import WAYS, shares_of
from quota.quotes import Basket
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    member_of,
    press,
)

pytestmark = pytest.mark.django_db
URL = "/a/halden-pay/usage/breakdown"


@pytest.fixture
def mei(account: Account) -> User:
    return member_of(account, resource=True)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now)


@pytest.fixture
def used(account: Account, mei: User, now: datetime) -> Account:
    """Mei scans two local images and one of a registry, a schedule one of them again;
    one scan fails."""
    one, two, broken = (
        ImageFactory.create(account=account, name=name)
        for name in ("team/one", "team/two", "team/broken")
    )
    remote = ImageFactory.create(
        account=account, in_registry=True, is_local=False, name="", repository="far/app"
    )
    press(account, [one, two], now, by=mei)
    press(account, [remote], now, Kind.REPOSITORY, by=mei)
    finish(account, now)
    press(account, [one], now + timedelta(days=1))
    finish(account, now + timedelta(days=1))
    press(account, [broken], now + timedelta(days=1))
    finish(account, now + timedelta(days=1), fails=True)
    return account


def shares(account: Account, by: str) -> dict[str, int]:
    windows = list(QuotaWindow.objects.values_list("pk", flat=True))
    return {share.what: share.total for share in shares_of(account, windows, by)}


def test_each_way_names_who_took_what(used: Account, mei: User) -> None:
    assert shares(used, "source") == {"Local images": 21, "Repository images": 10}
    assert shares(used, "name") == {"team/one": 11, "team/two": 10, "far/app": 10}
    assert shares(used, "start") == {"By hand": 30, "By schedule": 1}
    assert shares(used, "person") == {str(mei): 30, "Schedule": 1}


def test_names_that_went_with_a_subscription_are_still_counted(used: Account) -> None:
    NameUsage.objects.filter(name="far/app").delete()

    assert shares(used, "name") == {
        "team/one": 11,
        "team/two": 10,
        "Deleted with an ended subscription": 10,
    }


@pytest.mark.parametrize("by", WAYS)
def test_the_page_and_its_file_agree(
    client: Client, used: Account, now: datetime, by: str
) -> None:
    window = QuotaWindow.objects.order_by("number")[0]
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(member_of(used))
        page = client.get(f"{URL}?by={by}&month={window.pk}").content.decode()
        part = client.get(f"{URL}?by={by}", headers={"HX-Request": "true"})
        file = client.get(f"{URL}.csv?by={by}").getvalue().decode()

    lines = list(csv.DictReader(StringIO(file)))
    assert sum(Decimal(line["Quota"]) for line in lines) == Decimal("3.1")
    assert "<b>3.1</b>" in page or 'data-label="Quota">3.1</td>' in page
    assert all(f'name">{line["What"]}' in page for line in lines)
    assert part.content.decode().lstrip().startswith('<div id="shares">')


def test_a_scan_that_draws_from_two_months_is_one_scan(
    client: Client, account: Account, mei: User, now: datetime
) -> None:
    buy(account, Basket(quantity=300), now + timedelta(hours=1))
    images = ImageFactory.create_batch(300, account=account, name="team/one")
    later = now + timedelta(days=1)
    for chosen in (images[:1], images[:1], images[1:]):
        press(account, chosen, later, by=mei)
        finish(account, later)
    with time_machine.travel(later):
        client.force_login(creator_of(account))
        overview = client.get("/a/halden-pay/").content.decode()
        pages = [client.get(f"{URL}?by={by}").content.decode() for by in WAYS]
        files = [client.get(f"{URL}.csv?by={by}").getvalue().decode() for by in WAYS]

    # 1 and 0.1 leave 298.9 of the first month: 298 firsts, and 0.9 of another.
    assert "300 first scans" in overview
    for page, file in zip(pages, files, strict=True):
        (line,) = csv.DictReader(StringIO(file))
        assert line["First scans"] == "300"
        assert Decimal(line["Quota of first scans"]) == 300
        assert page.count("300</td>") == 2
        assert "301" not in page


def test_only_the_largest_names_are_on_the_page(
    client: Client, used: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quota.pages.breakdown.SHOWN", 2)
    with time_machine.travel(now + timedelta(days=2)):
        client.force_login(member_of(used))
        page = client.get(f"{URL}?by=name").content.decode()
        file = client.get(f"{URL}.csv?by=name").getvalue().decode()

    assert 'name">team/one' in page
    assert 'name">team/two' not in page or 'name">far/app' not in page
    assert "The 2 largest. 1 more are in the CSV." in page
    assert 'data-label="Quota">3.1</td>' in page
    assert len(file.splitlines()) == 4


def test_a_name_is_never_a_formula(
    client: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account, name="=1+1")
    press(account, [image], now)
    finish(account, now)
    with time_machine.travel(now + timedelta(hours=1)):
        client.force_login(creator_of(account))
        file = client.get(f"{URL}.csv?by=name").getvalue().decode()

    assert "'=1+1" in file


def test_it_is_empty_before_the_first_scan_and_for_odd_choices(
    client: Client, account: Account, now: datetime
) -> None:
    with time_machine.travel(now + timedelta(hours=1)):
        client.force_login(creator_of(account))
        page = client.get(f"{URL}?by=nonsense&month=-1")

    assert page.status_code == 200
    assert "Nothing was used yet." in page.content.decode()


def test_a_stranger_sees_nothing_of_it(
    client: Client, account: Account, now: datetime
) -> None:
    client.force_login(creator_of(account_with(now=now, slug="other")))

    assert client.get(URL).status_code == 404
    assert client.get(f"{URL}.csv").status_code == 404
