"""The rows of a list: every search meets all its images once, in the list's order."""

from datetime import datetime, timedelta
from random import Random

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from quota.models import Image, ImageFilter, Kind
from quota.pages.cursors import UnknownCursor
from quota.pages.listed import PAGE, WALK, Sort, listed
from quota.services import sightings
from quota.sources.content import FoundImage, ImageFacts
from tests.factories import ImageFactory, account_with, creator_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    """An account with more images than a search walks along, "vault" last by name."""
    account = account_with(now=now)
    made = [
        ImageFactory.build(
            account=account,
            name=f"{'zeta/vault' if number % 10 == 0 else 'alpha/web'}-{number:05}",
            containers=number % 7,
            risk=number % 11,
            active_at=now - timedelta(seconds=number // 3),
        )
        for number in range(WALK + 300)
    ]
    Image.objects.bulk_create(made)
    return account


def _all(account: Account, chosen: ImageFilter, sort: Sort) -> list[int]:
    found, cursor = listed(account, chosen, sort, "")
    ids = [row["id"] for row in found]
    while cursor:
        assert len(found) == PAGE
        found, cursor = listed(account, chosen, sort, cursor)
        ids += [row["id"] for row in found]
    return ids


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("text", ["vault", "web", "-00990", "nothing", "%", "zeta/v"])
def test_a_search_shows_every_hit_once_in_order(
    account: Account, sort: Sort, text: str
) -> None:
    mark = "-" if sort.descending else ""
    column = sort.column(Kind.LOCAL)
    expected = Image.objects.filter(account=account, name__contains=text)

    shown = _all(account, ImageFilter(text=text), sort)

    assert shown == list(
        expected.order_by(f"{mark}{column}", f"{mark}id").values_list("id", flat=True)
    )


@pytest.mark.parametrize("digits", [8, 12, 30, 64])
def test_an_image_is_found_by_the_beginning_of_its_id(
    account: Account, digits: int
) -> None:
    image = Image.objects.filter(account=account).latest("id")
    hexadecimal = image.digest.removeprefix("sha256:")[:digits]

    for text in (hexadecimal, hexadecimal.upper(), f"sha256:{hexadecimal}"):
        if digits >= 12 or ":" not in text:
            assert image.pk in _all(account, ImageFilter(text=text), Sort.NAME)


def test_the_indexes_hold_the_longest_name_of_the_widest_letters(
    account: Account,
) -> None:
    choose = Random(1)  # noqa: S311 -- not a secret
    name, tag = (
        "".join(chr(choose.randrange(0x20000, 0x2A6D6)) for _ in range(length))
        for length in (300, 128)
    )
    facts = ImageFacts("sha256:" + "0" * 64, "linux", "amd64", "", None, 1)
    kept = sightings.row(FoundImage(facts, name, tag, ""))

    image = ImageFactory.create(account=account, name=kept["name"], tag=kept["tag"])

    assert name.startswith(image.name)
    for sort in Sort:
        assert _all(account, ImageFilter(text=name[:20]), sort) == [image.pk]


def test_a_cursor_of_another_list_is_not_known(account: Account) -> None:
    _, cursor = listed(account, ImageFilter(), Sort.NAME, "")

    for sort, text in ((Sort.RISK, ""), (Sort.ACTIVE, "vault")):
        with pytest.raises(UnknownCursor):
            listed(account, ImageFilter(text=text), sort, cursor)
    with pytest.raises(UnknownCursor):
        listed(account, ImageFilter(), Sort.NAME, cursor[:-1])


def test_what_an_image_says_of_itself_is_escaped(client: Client) -> None:
    account = account_with(now=timezone.now())
    ImageFactory.create(
        account=account,
        name='<b>"name"',
        tag="<b>'tag'",
        os="<b>os",
        outcome=Image.Outcome.FAILED,
        outcome_reason="<b>reason & more",
    )
    client.force_login(creator_of(account))

    content = client.get("/a/halden-pay/images/local").content.decode()

    assert "<b>" not in content.replace(f"<b>{creator_of(account)}</b>", "")
    assert "&lt;b&gt;reason &amp; more" in content
    assert 'aria-label="Retry &lt;b&gt;&#34;name&#34;"' in content
