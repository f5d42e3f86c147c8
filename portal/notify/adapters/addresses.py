"""Where a message may go: never into our own network, even by a name that resolves there.

The address is resolved once, judged, and connected to as judged, so that a second answer of the name server changes
nothing (DNS rebinding).
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from django.conf import settings

from portal.lib.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# IPv6 that means an IPv4 address to some gateway on the way: compatible, NAT64 (RFC 6052, RFC 8215), Teredo.
TRANSLATED = [ipaddress.ip_network(one) for one in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32")]
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+(%25.*)?")
NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
HTTPS, PRIVILEGED = 443, 1024


class Refused(Exception):
    """The address is not one we send to. The message says why, without naming it."""


def private_allowed() -> bool:
    """True where the operator lets messages go to private addresses, such as in tests."""
    return bool(getattr(settings, "NOTIFY_ALLOW_PRIVATE_ADDRESSES", False))


def check_url(url: str, *, field: str = "url") -> str:
    """Return the URL if its form is acceptable, or raise Invalid. What its name resolves to is judged at sending."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, HTTPS if parts.port is None else parts.port
    except ValueError:
        raise Invalid(fields={field: "is not a URL"}) from None
    schemes = ("https", "http") if private_allowed() else ("https",)
    if parts.scheme not in schemes or not host or not HOST.fullmatch(host):
        raise Invalid(fields={field: "give an https:// address"})
    if parts.username or parts.password or parts.fragment or not url.isascii() or not url.isprintable():
        raise Invalid(fields={field: "no name, password or fragment in the address"})
    if not private_allowed() and port != HTTPS and port < PRIVILEGED:
        raise Invalid(fields={field: "port 443, or one from 1024 up"})
    try:
        _judge_literal(host.rstrip("."))
    except Refused as refused:
        raise Invalid(fields={field: str(refused)}) from None
    return url


def _judge_literal(host: str) -> None:
    """Refuse an address inside, in whatever notation: `0x7f.1`, `2130706433` and `0177.0.0.1` are 127.0.0.1 to some."""
    try:
        _judge(ipaddress.ip_address(host))
    except ValueError:
        if NUMBER.fullmatch(host.rpartition(".")[2]) or "%" in host:
            raise Refused("an address in this notation is not accepted") from None


def resolve(host: str, port: int) -> str:
    """Return one address of `host` to connect to, or raise Refused if any of its addresses is not public."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Refused("the name does not resolve") from None
    addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
    for address in addresses:
        _judge(address)
    return str(min(addresses, key=lambda address: address.version))  # IPv4 first: it is the one that surely works


def _judge(address: Address) -> None:
    if not private_allowed() and not _is_public(address):
        raise Refused("the address is not a public one")


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _is_public(inner)
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast
