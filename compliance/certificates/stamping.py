"""Time stamps (RFC 3161) from the authority of the settings. Without one the embedded one signs, and says what it is.

The embedded authority runs on this machine's own clock and key, so it proves no time to anybody else: a simulation.
"""

import asyncio
import hashlib
import json
from datetime import timedelta
from functools import cache
from pathlib import Path

import aiohttp
from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from bailiwick_proof.encoding import to_base64
from bailiwick_proof.trust import Authority
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from pyhanko.sign.timestamps import DummyTimeStamper, HTTPTimeStamper, TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError

from portal.jobs.errors import Transient
from portal.lib.keys import read_or_create

from .x509 import fingerprint, self_signed

NAME = "Simulated time-stamping authority (embedded)"
SIMULATED = "Time stamps: made by an embedded authority on the issuer's own machine"
TIMEOUT = 10
UNREACHABLE = (OSError, TimestampRequestError, aiohttp.ClientError, asyncio.TimeoutError, ValueError)


def is_simulated() -> bool:
    return not settings.CERTIFICATES["tsa_url"]


def stamper() -> TimeStamper:
    """The authority to ask, as PDF signing and `stamp` do."""
    url = settings.CERTIFICATES["tsa_url"]
    if url:
        return HTTPTimeStamper(url, timeout=TIMEOUT)
    private, certificate = _embedded()
    key = asn1_keys.PrivateKeyInfo.load(_der(private))
    return DummyTimeStamper(asn1_x509.Certificate.load(_der(certificate)), key)


def stamp(data: bytes) -> str:
    """The token over these bytes, base64; Transient when the authority does not answer or answers nonsense."""
    try:
        token = asyncio.run(stamper().async_timestamp(hashlib.sha256(data).digest(), "sha256"))
    except UNREACHABLE as error:
        raise Transient(f"The time-stamping authority gave no stamp: {type(error).__name__}") from error
    return to_base64(token.dump())


def authorities() -> tuple[Authority, ...]:
    """Whose stamps certificates carry, now or from earlier: the embedded one's, and those the settings name."""
    found = []
    if is_simulated() or _place().exists():
        found.append(Authority(fingerprint(_embedded()[1]), NAME, True))
    named = settings.CERTIFICATES["tsa_certificates"]
    for one in x509.load_pem_x509_certificates(Path(named).read_bytes()) if named else []:
        name = one.subject.rfc4514_string().replace("@", " at ")[:200]
        found.append(Authority(hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest(), name, False))
    return tuple(found)


def _place() -> Path:
    return settings.SECRETS_DIR / "certificates" / "authority.json"


def _embedded() -> tuple[bytes, bytes]:
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


def _der(text: bytes) -> bytes:
    return bytes(pem.unarmor(text)[2])
