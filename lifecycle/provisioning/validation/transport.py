"""Is a path encrypted, and what it means where it is not."""

import ipaddress
from urllib.parse import urlsplit

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target

SIMULATED = "in clear: loopback inside one machine, simulated region"


def url(target: Target, found: Findings, system: str, address: str) -> None:
    """Judge an HTTP path by its scheme."""
    parts = urlsplit(address)
    path(target, found, system, parts.scheme == "https", parts.hostname or "")


def path(target: Target, found: Findings, system: str, encrypted: bool, host: str) -> None:
    """Note how the path to a system is carried; where TLS is a duty, clear text is wrong outside a simulated region."""
    duty = bool(target.requires.get("tls"))
    if encrypted:
        state = "TLS"
    elif target.region.simulated and _is_loopback(host):
        state = SIMULATED
    else:
        state = f"in clear to {host or 'an unknown host'}"
    found.measured.setdefault("transport", {})[system] = state
    if duty:
        right = f"{system} path: {state}"
        found.expect(encrypted or state == SIMULATED, right, f"{system} path is {state}, TLS is a duty", "compliance")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
