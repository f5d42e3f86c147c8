"""Ask for time stamps (RFC 3161). Only workers import this: what it stands on is large."""

import asyncio
import functools
import hashlib
from datetime import datetime

import aiohttp
from asn1crypto import cms, core, pem
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from bailiwick_proof.encoding import to_base64
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings
from pyhanko.sign.general import as_signing_certificate, simple_cms_attribute
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
    return _embedded(*embedded())


@functools.cache
def _embedded(private: bytes, certificate: bytes) -> "Embedded":
    key = asn1_keys.PrivateKeyInfo.load(_der(private))
    return Embedded(asn1_x509.Certificate.load(_der(certificate)), key)


class Embedded(DummyTimeStamper):
    """The authority on this machine. Its key is checked and its certificate named once, not for each stamp."""

    @functools.cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        found = serialization.load_der_private_key(self.tsa_key.dump(), password=None)
        assert isinstance(found, rsa.RSAPrivateKey)
        return found

    @functools.cached_property
    def _named(self) -> cms.CMSAttribute:
        """The attribute that names its certificate, as it is written: read back, so that it is not encoded anew."""
        which = as_signing_certificate(self.tsa_cert)
        made = simple_cms_attribute("signing_certificate", which)  # type: ignore[no-untyped-call]
        return cms.CMSAttribute.load(made.dump())

    def _sign_tst_info(self, tst_info_data: bytes, md_algorithm: str, dt: datetime) -> tuple[bytes, cms.CMSAttributes]:
        digest = hashlib.new(md_algorithm, tst_info_data).digest()
        said = {
            "content_type": "tst_info",
            "signing_time": cms.Time({"utc_time": core.UTCTime(dt)}),
            "message_digest": digest,
        }
        said_so = [simple_cms_attribute(*one) for one in said.items()]  # type: ignore[no-untyped-call]
        signed = cms.CMSAttributes([*said_so, self._named])
        algorithm = getattr(hashes, md_algorithm.upper())()
        return self._key.sign(signed.dump(), padding.PKCS1v15(), algorithm), signed


def stamp(data: bytes) -> str:
    """The token over these bytes, base64; Transient when the authority does not answer or answers nonsense."""
    try:
        token = asyncio.run(stamper().async_timestamp(hashlib.sha256(data).digest(), "sha256"))
    except UNREACHABLE as error:
        raise Transient(f"The time-stamping authority gave no stamp: {type(error).__name__}") from error
    return to_base64(token.dump())


def _der(text: bytes) -> bytes:
    return bytes(pem.unarmor(text)[2])
