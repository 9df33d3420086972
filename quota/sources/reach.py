"""Which addresses a registry may have: against requests forged through our server."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from quota.sources.content import SourceError, printable

PORTS = {"https": 443, "http": 80}
NAT64 = 0x64FF9B << 96
Address = IPv4Address | IPv6Address


class RegistryFailure(SourceError):
    """A registry as a whole cannot be read: what is wrong, and what to do about it.

    ``passing`` ones may be gone when it is tried again.
    """

    def __init__(self, reason: str, remedy: str, *, passing: bool = False) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = printable(reason)[:500]
        self.remedy = printable(remedy)[:500]
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what an authorization is good for."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == PORTS[self.scheme]
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")


def origin(url: str) -> Origin:
    """Read where a URL leads. Refuses (SourceError) what is no web address, or carries
    a password that would be stored in plain text.

    >>> str(origin("https://registry.example:5000/v2/")), str(origin("http://[::1]:80"))
    ('https://registry.example:5000', 'http://[::1]')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as it is asked for and sent
    except ValueError as error:
        raise SourceError("Enter an address such as registry.example.com.") from error
    if parts.scheme not in PORTS or not host or not host.isprintable() or " " in host:
        raise SourceError("Enter an address such as registry.example.com.")
    if parts.username is not None or parts.password is not None:
        raise SourceError("Enter the username and password in their own fields.")
    return Origin(parts.scheme, host, port or PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class Reach:
    """Where connections may lead. What was checked is what is connected to: a name is
    resolved once, so it cannot change its mind in between."""

    private: bool

    def resolve(self, target: Origin) -> list[str]:
        """The checked addresses of a host. Refuses one of which any address is out of
        bounds."""
        try:
            found = socket.getaddrinfo(
                target.host, target.port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise RegistryFailure(
                f"The name {target.host} is not known.",
                "Check the address for typing errors.",
            ) from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            if not self.allows(ip_address(address.partition("%")[0])):
                raise RegistryFailure(
                    f"The address of {target.host} is not allowed here.",
                    "Enter a public address, or ask us to allow private ones.",
                )
        return addresses

    def allows(self, address: Address) -> bool:
        """Whether an address may be connected to. Those of the machine's own cloud
        (link-local), of groups and of nobody are out of bounds always."""
        address = _plain(address)
        if (
            address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or address == IPv6Address("fd00:ec2::254")
        ):
            return False
        if address.is_global:
            return True
        return self.private and (address.is_loopback or not address.is_reserved)


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as an IPv6 one leads where the former does."""
    if isinstance(address, IPv4Address):
        return address
    if int(address) >> 32 == NAT64 >> 32:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
