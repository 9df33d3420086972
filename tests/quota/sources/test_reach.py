"""Which addresses may be reached, and that what was checked is what is connected to."""

from ipaddress import ip_address

import pytest

from quota.sources.content import SourceError
from quota.sources.distribution import Access, Distribution
from quota.sources.reach import Reach, RegistryFailure, origin
from tests.registries.hostile import Registry


def test_private_addresses_are_out_of_reach_unless_the_operator_allows_them(
    hostile: Registry,
) -> None:
    with pytest.raises(RegistryFailure, match="not allowed here"):
        Distribution(hostile.access(reach=Reach(private=False))).ping()
    assert hostile.asked == []


@pytest.mark.parametrize(
    ("address", "publicly", "privately"),
    [
        ("8.8.8.8", True, True),
        ("10.0.0.1", False, True),
        ("127.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("::1", False, True),
        ("fd12::1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("64:ff9b::a00:1", False, True),
        ("fe80::1", False, False),
        ("fd00:ec2::254", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 -- refused
        ("224.0.0.1", False, False),
        ("240.0.0.1", False, False),
    ],
)
def test_what_may_be_reached(address: str, publicly: bool, privately: bool) -> None:
    parsed = ip_address(address)

    assert Reach(private=False).allows(parsed) is publicly
    assert Reach(private=True).allows(parsed) is privately


def test_the_address_that_was_checked_is_the_one_connected_to(
    hostile: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers differently the second time changes nothing."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr("quota.sources.reach.socket.getaddrinfo", resolve)
    address = f"http://rebind.example:{hostile.port}"

    client = Distribution(Access(address, reach=Reach(private=True)))
    client.ping()
    client.close()

    assert asked == ["rebind.example"]


@pytest.mark.parametrize(
    "address",
    ["ftp://x", "registry", "http://", "https://a:b@host", "http://h:x",
     "https://\ufffd", "https://a..b", f"https://{'a' * 64}.b"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SourceError, match="Enter "):
        origin(address)
