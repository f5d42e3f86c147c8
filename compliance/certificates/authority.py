"""Whose time stamps certificates carry: the authority of the settings, or an embedded one that says what it is.

The embedded one runs on this machine's own clock and key, so it proves no time to anybody else: a simulation.
"""

import hashlib
import json
from datetime import timedelta
from functools import cache
from pathlib import Path

from bailiwick_proof.trust import Authority
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from portal.lib.keys import read_or_create

from .x509 import fingerprint, self_signed

NAME = "Simulated time-stamping authority (embedded)"
SIMULATED = "Time stamps: made by an embedded authority on the issuer's own machine"


def is_simulated() -> bool:
    return not settings.CERTIFICATES["tsa_url"]


def authorities() -> tuple[Authority, ...]:
    """Whose stamps certificates carry, now or from earlier: the embedded one's, and those the settings name."""
    found = []
    if is_simulated() or _place().exists():
        found.append(Authority(fingerprint(embedded()[1]), NAME, True))
    named = settings.CERTIFICATES["tsa_certificates"]
    for one in x509.load_pem_x509_certificates(Path(named).read_bytes()) if named else []:
        name = one.subject.rfc4514_string().replace("@", " at ")[:200]
        found.append(Authority(hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest(), name, False))
    return tuple(found)


def _place() -> Path:
    return settings.SECRETS_DIR / "certificates" / "authority.json"


def embedded() -> tuple[bytes, bytes]:
    """The embedded authority's private key and certificate, made at first use."""
    return _kept(_place())


@cache
def _kept(path: Path) -> tuple[bytes, bytes]:
    held = json.loads(read_or_create(path, None if path.exists() else _made()))
    return held["pem"].encode(), held["x509"].encode()


def _made() -> bytes:
    private = generate_private_key(public_exponent=65537, key_size=3072)
    certificate = self_signed(private, NAME, timedelta(days=20 * 365), stamps=True)
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps({"pem": key, "x509": certificate.public_bytes(Encoding.PEM).decode()}).encode()
