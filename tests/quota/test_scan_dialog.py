"""*Scan now* through HTTP: it holds what it said, or says the new cost."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.asserts import assertContains

from accounts.models import Account
from quota.models import Image, LedgerEntry, Scan, ScanTask
from tests.addresses import url
from tests.factories import ImageFactory, account_with
from tests.quota.dialogs import hidden

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def agreed(response: Any) -> dict[str, str]:
    names = ("key", "agreed_set", "agreed_cost", "agreed_images")
    return {name: hidden(response, name) for name in names}


def press_dialog(client: Client, account: Account, images: list[Image]) -> Any:
    query = {"image": [image.pk for image in images]}
    dialog = client.get(url("scan-now", account), query)
    data = {
        **query,
        **agreed(dialog),
        "scope": "selected",
        "categories": ["vulnerabilities"],
    }
    return client.post(url("scan-now", account), data)


def test_scanning_from_the_dialog_holds_what_it_said(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(3, account=account)

    response = press_dialog(signed_in, account, images)

    task = ScanTask.objects.get()
    assert response.headers["Location"] == url("images", account)
    assert task.cost_tenths == 30


def test_the_same_press_twice_has_one_effect(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(2, account=account)
    query = {"image": [image.pk for image in images]}
    dialog = signed_in.get(url("scan-now", account), query)
    data = {
        **query, **agreed(dialog), "scope": "selected", "categories": ["trojans"],
    }  # fmt: skip

    first = signed_in.post(url("scan-now", account), data)
    second = signed_in.post(url("scan-now", account), data)

    assert first.headers["Location"] == second.headers["Location"]
    assert LedgerEntry.objects.filter(kind="hold").count() == 2


def test_a_cost_that_rose_is_shown_anew_with_409(
    signed_in: Client, account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    query = {"image": [image.pk]}
    dialog = signed_in.get(url("scan-now", account), query)
    data = {
        **query, **agreed(dialog), "scope": "selected", "categories": ["trojans"],
        "agreed_cost": "5",
    }  # fmt: skip

    response = signed_in.post(url("scan-now", account), data)

    assertContains(response, "The cost changed", status_code=409)
    assert not Scan.objects.exists()


def test_a_selection_that_does_not_fit_offers_what_fits(
    signed_in: Client, account: Account
) -> None:
    ImageFactory.create_batch(301, account=account)
    dialog = signed_in.get(url("scan-now", account), {"scope": "all"})
    assertContains(dialog, "1 more quota needed")
    assertContains(dialog, "Scan the 300 that fit")
    data = {
        **agreed(dialog), "scope": "all", "categories": ["trojans"],
    }  # fmt: skip

    refused = signed_in.post(url("scan-now", account), {**data, "key": uuid4()})
    fitting = signed_in.post(url("scan-now", account), {**data, "fit": "1"})

    assertContains(refused, "more quota needed", status_code=422)
    assert fitting.status_code == 302
    assert ScanTask.objects.get().images == 300


def test_an_image_of_another_account_is_never_scanned(
    signed_in: Client, account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    foreign = ImageFactory.create(account=other)

    page = signed_in.get(url("image", account, foreign.digest))
    response = signed_in.post(
        url("scan-now", account),
        {
            "image": foreign.pk, "scope": "selected", "categories": ["trojans"],
            "key": uuid4(), "agreed_set": "0.0", "agreed_cost": 0, "agreed_images": 0,
        },
    )  # fmt: skip

    assert page.status_code == 404
    assertContains(response, "Choose at least one image", status_code=422)
    assert not Scan.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"categories": []},
        {"categories": ["weather"]},
        {"image": []},
        {"image": ["x"]},
        {"image": [str(2**70)]},
        {"minutes": "0"},
        {"key": "no"},
        {"key": ""},
        {"scope": "galaxy"},
    ],
)
def test_bad_input_to_scan_now_is_a_sentence(
    signed_in: Client, account: Account, bad: dict[str, object]
) -> None:
    image = ImageFactory.create(account=account)
    good = {
        "image": [image.pk], "scope": "selected", "categories": ["trojans"],
        "key": uuid4(), "agreed_set": "1.1", "agreed_cost": 10, "agreed_images": 1,
    }  # fmt: skip

    response = signed_in.post(url("scan-now", account), {**good, **bad})

    assert response.status_code == 422
    assert not Scan.objects.exists()


def test_the_bar_says_what_the_ticked_images_cost(
    signed_in: Client, account: Account
) -> None:
    images = ImageFactory.create_batch(2, account=account)

    response = signed_in.get(
        url("selection", account),
        {"image": [image.pk for image in images]},
        HTTP_HX_REQUEST="true",
    )

    assertContains(response, "2 images selected")
    assertContains(response, "2 quota")
