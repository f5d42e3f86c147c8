"""Ask for time stamps (RFC 3161). Only workers import this: what it stands on is large."""

import asyncio
import hashlib

import aiohttp
from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from bailiwick_proof.encoding import to_base64
from django.conf import settings
from pyhanko.sign.timestamps import DummyTimeStamper, HTTPTimeStamper, TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError

from portal.jobs.errors import Transient

from .authority import embedded

TIMEOUT = 10
UNREACHABLE = (OSError, TimestampRequestError, aiohttp.ClientError, asyncio.TimeoutError, ValueError)


def stamper() -> TimeStamper:
    """The authority to ask, as PDF signing and `stamp` do."""
    url = settings.CERTIFICATES["tsa_url"]
    if url:
        return HTTPTimeStamper(url, timeout=TIMEOUT)
    private, certificate = embedded()
    key = asn1_keys.PrivateKeyInfo.load(_der(private))
    return DummyTimeStamper(asn1_x509.Certificate.load(_der(certificate)), key)


def stamp(data: bytes) -> str:
    """The token over these bytes, base64; Transient when the authority does not answer or answers nonsense."""
    try:
        token = asyncio.run(stamper().async_timestamp(hashlib.sha256(data).digest(), "sha256"))
    except UNREACHABLE as error:
        raise Transient(f"The time-stamping authority gave no stamp: {type(error).__name__}") from error
    return to_base64(token.dump())


def _der(text: bytes) -> bytes:
    return bytes(pem.unarmor(text)[2])
