"""All there is: an account in which everything has happened, and the back office."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth.tokens import default_token_generator
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from procrastinate.contrib.django import app

from accounts.models import Account, Invite, PaymentEvent, User
from accounts.services import (
    adjusting,
    audit,
    codes,
    inviting,
    letters,
    opening,
    transfers,
)
from quota.models import ImageSource, Kind, Registry
from quota.services import reconciling, registry_syncs
from tests.addresses import Address
from tests.factories import ImageFactory, UserFactory, creator_of, finish, press
from tests.lived import Lived, live

JOB = "quota.tasks.sweep"


@dataclass(frozen=True)
class World:
    """Who walks through it, and what fills the parts of an address."""

    account: Account
    creator: User
    staff: User
    lived: Lived
    parts: dict[str, str]
    special: dict[str, dict[str, str]]

    def path(self, address: Address) -> str:
        """The address with examples in it; a part without one is a KeyError."""
        own = {**self.parts, **self.special.get(address.name, {})}
        if address.route.startswith("admin/"):
            own |= _row(address)
        return address.path(lambda _, name: own[name])


def furnish(now: datetime) -> World:
    """Make it through the services that customers and staff use."""
    lived = live(now)
    account, creator = lived.account, creator_of(lived.account)
    staff = UserFactory.create(is_staff=True, is_superuser=True, name="Lia Ortega")
    _scans(account, now)
    _back_office(account, staff, now)
    opening.open_account(
        slug="corvid-labs", name="Corvid Labs", zone="Europe/Berlin", currency="USD",
        creator=creator, now=now,
    )  # fmt: skip
    codes.ask(user=creator, channel=codes.SMS, target="+6591234567", now=now)
    reconciling.prove(clock=lambda: now)
    person = UserFactory.create()
    return World(
        account=account,
        creator=creator,
        staff=staff,
        lived=lived,
        parts={
            **lived.parts,
            "repository": "team/app",
            "which": "latest",
            "content_type_id": str(ContentType.objects.get_for_model(Account).pk),
            "object_id": str(account.pk),
            "uidb64": urlsafe_base64_encode(force_bytes(person.pk)),
        },
        special={
            "top-up-state": {"number": lived.parts["top_up"]},
            "accept-invite": {"token": inviting.invite_token(Invite.objects.get())},
            "open-account": {
                "token": signing.dumps({"email": "a@b.example"}, salt=letters.SIGN_UP)
            },
            "confirm": {"token": "the-press-is-refused-not-the-page"},
            "set-password": {"token": default_token_generator.make_token(person)},
        },
    )


def _row(address: Address) -> dict[str, str]:
    """The first row of the model that an address of the back office names, if any."""
    _, label, model, *_ = (*address.route.split("/"), "", "")
    for each in admin.site._registry:
        if (each._meta.app_label, each._meta.model_name) == (label, model):
            first = str(each._default_manager.earliest("pk").pk)
            return {"pk": first, "object_id": first}
    return {}


def _scans(account: Account, now: datetime) -> None:
    """Beside what is scanned: images that are not, one that failed, two that run."""
    ImageFactory.create_batch(4, account=account)
    earlier = now - timedelta(days=1)
    press(account, [ImageFactory.create(account=account)], earlier)
    finish(account, earlier, fails=True)
    remote = ImageFactory.create_batch(
        2, account=account, in_registry=True, is_local=False
    )
    press(account, remote, now, Kind.REPOSITORY)
    ImageSource.objects.create(account=account, kind="oci_layout", location="/images")
    registry_syncs.request(
        account=account, registries=list(Registry.objects.all()), is_full=False,
        by=None, now=now,
    )  # fmt: skip


def _back_office(account: Account, staff: User, now: datetime) -> None:
    """A row of everything that only staff see."""
    transfers.record(
        account=account, amount=Decimal(5), bank_reference="B1", value_on=now.date(),
        by=staff, now=now,
    )  # fmt: skip
    adjusting.ask(
        account=account, amount=Decimal(900), reason="Agreed.", key=uuid4(), by=staff,
        now=now,
    )  # fmt: skip
    PaymentEvent.objects.create(
        provider="stripe", event="evt_1", kind="charge.refunded", effect="reverse",
        thing="re_1", received_at=now,
    )  # fmt: skip
    letters.owe_sign_up(email="a@b.example", now=now)
    audit.record(by=staff, act="Open account", target=account.slug, now=now)
    app.configure_task(JOB).defer(timestamp=0)
