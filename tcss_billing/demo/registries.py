"""The demo's registry: images of its own beside those of the hosts, and its row."""

import secrets
import socket
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from pathlib import Path

from accounts.models import Account
from quota.models import Registry
from quota.services import registries, registry_syncs
from quota.services.registries import Details
from tcss_billing.demo.images import OLD_NPM, OLD_PYTHON, OS_RELEASE, write_image
from tcss_billing.demo.registry import USER

# Repositories that only the registry has, and the tags each of their images goes by.
PUSHED = {
    "edge/router": (("4.1.0",), ("4.2.0", "4.2", "latest")),
    "edge/waf": (("1.18.3",), ("1.19.0", "stable")),
    "data/notebook": (("2026.10",), ("2026.11", "latest")),
    "identity/login": (("7.0.2", "7.0", "7"),),
    "mobile/gateway": (("12.4.1",), ("12.5.0",)),
    "partners/sftp": (("0.9.8",),),
}
# What is pushed for arm64 too, under the same tags.
ALSO_ARM = {"edge/router", "identity/login"}
NAME = "registry-eu"


@dataclass(frozen=True, slots=True)
class DemoRegistry:
    """Where this start's registry listens, and its password."""

    port: int
    password: str = field(repr=False)

    @classmethod
    def new(cls) -> "DemoRegistry":
        """A free port and a password nobody knows, anew with every start."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        return cls(port, secrets.token_urlsafe(24))

    @property
    def address(self) -> str:
        """What a customer would enter."""
        return f"http://127.0.0.1:{self.port}"


def fill(folder: Path) -> None:
    """Write the images that only the registry has, once."""
    if folder.exists():
        return
    for number, (repository, releases) in enumerate(PUSHED.items()):
        platforms = ("amd64", "arm64") if repository in ALSO_ARM else ("amd64",)
        for release, tags in enumerate(releases):
            for tag, architecture in product(tags, platforms):
                write_image(
                    folder / repository,
                    tag=tag,
                    layers=_layers(number, release),
                    created=f"2026-11-{3 + 2 * number + release:02}T07:30:00Z",
                    architecture=architecture,
                )


def _layers(number: int, release: int) -> list[dict[str, bytes]]:
    name, version = OLD_PYTHON[(2 * number + release) % len(OLD_PYTHON)]
    package, old = OLD_NPM[(number + release) % len(OLD_NPM)]
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return [
        {"etc/os-release": OS_RELEASE, "etc/hostname": f"pushed-{number}".encode()},
        {
            f"opt/venv/lib/{name}-{version}.dist-info/METADATA": metadata.encode(),
            f"srv/app/node_modules/{package}/package.json": (
                f'{{"name": "{package}", "version": "{old}"}}'.encode()
            ),
            "etc/build-id": f"release {release}".encode(),
        },
    ]


def connect(account: Account, at: DemoRegistry, now: datetime) -> None:
    """Connect the registry as a customer would and have it read; on a later start, say
    where it listens now."""
    details = Details(
        name=NAME, type=Registry.Type.DOCKER, address=at.address, username=USER
    )
    registry = Registry.objects.filter(account=account, name=NAME).first()
    if registry:
        registries.change(registry=registry, details=details, password=at.password)
        return
    creator = account.members.get(is_creator=True).user
    registry = registries.connect(
        account=account, details=details, password=at.password, by=creator, now=now
    )
    registry_syncs.request(
        account=account, registries=[registry], is_full=False, by=creator, now=now
    )
