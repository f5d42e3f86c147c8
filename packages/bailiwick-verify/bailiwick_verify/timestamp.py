"""Verify a time-stamp token (RFC 3161): a pinned authority saw these bytes at that time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import tsp
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.trust import Authority
from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import cms


@dataclass(frozen=True, slots=True)
class Stamped:
    """When, by the word of whom."""

    at: datetime
    authority: Authority


def verify(token: bytes, stamped: bytes, authorities: Mapping[str, Authority]) -> Stamped:
    """Return when a pinned authority stamped the bytes; Malformed or Unproven otherwise."""
    signed = cms.opened(token, authorities)
    if signed.attributes["content_type"] != "tst_info":
        raise Unproven("it is no time stamp that was signed")
    try:
        info = tsp.TSTInfo.load(signed.content, strict=True)
        imprint, at = info["message_imprint"], info["gen_time"].native
        name, said = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"not a time stamp: {error}") from error
    if name not in cms.HASHES or hashlib.new(name, stamped).digest() != said:
        raise Unproven("the time stamp is of something else")
    if not isinstance(at, datetime) or not cms.within(signed.certificate, at.astimezone(UTC)):
        raise Unproven("the time stamp lies outside its certificate's term")
    try:
        usage = signed.certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound as error:
        raise Unproven("the stamping certificate is not one for time stamps") from error
    if list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise Unproven("the stamping certificate is not one for time stamps alone")
    return Stamped(at.astimezone(UTC), authorities[signed.fingerprint])
