"""Where a message may go: never into our own network, even by a name that resolves there.

The address is resolved once, judged, and connected to as judged, so that a second answer of the name server changes
nothing (DNS rebinding).
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.conf import settings

from portal.lib.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """The address is not one we send to. The message says why, without naming it."""


def private_allowed() -> bool:
    """True where the operator lets messages go to private addresses, such as in tests."""
    return bool(getattr(settings, "NOTIFY_ALLOW_PRIVATE_ADDRESSES", False))


def check_url(url: str, *, field: str = "url") -> str:
    """Return the URL if its form is acceptable, or raise Invalid. What its name resolves to is judged at sending."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Invalid(fields={field: "is not a URL"}) from None
    schemes = ("https", "http") if private_allowed() else ("https",)
    if parts.scheme not in schemes or not host:
        raise Invalid(fields={field: "give an https:// address"})
    if parts.username or parts.password or parts.fragment or not url.isascii() or not url.isprintable():
        raise Invalid(fields={field: "no name, password or fragment in the address"})
    try:
        _judge(ipaddress.ip_address(host))
    except ValueError:
        pass  # a name, not a literal address
    except Refused as refused:
        raise Invalid(fields={field: str(refused)}) from None
    return url


def resolve(host: str, port: int) -> str:
    """Return one address of `host` to connect to, or raise Refused if any of its addresses is not public."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise Refused("the name does not resolve") from None
    addresses = sorted(ipaddress.ip_address(str(one).partition("%")[0]) for one in found if one)
    for address in addresses:
        _judge(address)
    return str(addresses[0])


def _judge(address: Address) -> None:
    if not private_allowed() and not _is_public(address):
        raise Refused("the address is not a public one")


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _is_public(inner)
        if address.teredo or address in ipaddress.ip_network("64:ff9b::/96"):
            return False
    return address.is_global and not address.is_multicast
