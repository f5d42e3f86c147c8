"""Signed data (RFC 5652) in the one form that certificates use: one signer, signed attributes, pinned certificates.

Trust comes from the caller's list of certificate digests and from nothing inside the data.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms
from bailiwick_proof.errors import Malformed, Unproven
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate, load_der_x509_certificate

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

NO_PARAMETERS = (b"", b"\x05\x00")


@dataclass(frozen=True, slots=True)
class Signed:
    """What held: the signer's certificate, what it signed, its signature and the attributes beside it."""

    certificate: Certificate
    fingerprint: str
    content: bytes
    signature: bytes
    attributes: dict[str, Any]
    unsigned: dict[str, Any]


def opened(der: bytes, pinned: Container[str], detached: bytes | None = None) -> Signed:
    """Return what a pinned certificate signed; Malformed or Unproven otherwise."""
    try:
        return _opened(der, pinned, detached)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        if isinstance(error, (Malformed, Unproven)):
            raise
        raise Malformed(f"not signed data: {error}") from error


def _opened(der: bytes, pinned: Container[str], detached: bytes | None) -> Signed:
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise Malformed("not signed data")
    if b"".join(info[part].dump() for part in ("content_type", "content")) != info.contents:
        raise Malformed("signed data with something behind it")
    data = info["content"]
    held = {hashlib.sha256(one.chosen.dump()).hexdigest(): one.chosen for one in data["certificates"]}
    if strangers := [one for one in held if one not in pinned]:
        raise Unproven(f"signed with a certificate that is not trusted: {strangers[0][:16]}…")
    (signer,) = data["signer_infos"]
    algorithm = signer["digest_algorithm"]["algorithm"].native
    _require_plain(data, signer, algorithm)
    fingerprint, certificate = _certificate(signer, held)
    encapsulated = data["encap_content_info"]["content"]
    content = encapsulated.contents if detached is None else detached
    attributes = _attributes(signer["signed_attrs"])
    if attributes["message_digest"] != hashlib.new(algorithm, content).digest():
        raise Unproven("what was signed has changed since")
    if attributes["content_type"] != data["encap_content_info"]["content_type"].native:
        raise Unproven("what was signed is of another kind")
    _verify(certificate, signer, algorithm)
    unsigned = _attributes(signer["unsigned_attrs"], as_object=True) if signer["unsigned_attrs"].native else {}
    return Signed(certificate, fingerprint, content, signer["signature"].native, attributes, unsigned)


def _require_plain(data: Any, signer: Any, algorithm: str) -> None:
    """No part that no signature covers may say anything of its own."""
    declared = [one["algorithm"].native for one in data["digest_algorithms"]]
    algorithms = (*data["digest_algorithms"], signer["digest_algorithm"], signer["signature_algorithm"])
    odd = (
        algorithm not in HASHES
        or declared != [algorithm]
        or data["version"].native not in ("v1", "v3")
        or signer["version"].native != "v1"
        or signer["sid"].name != "issuer_and_serial_number"
        or any(one["parameters"].dump() not in NO_PARAMETERS for one in algorithms)
        or bool(data["crls"].native)
    )
    if odd:
        raise Malformed("signed data of a form that certificates do not use")


def _certificate(signer: Any, held: dict[str, Any]) -> tuple[str, Certificate]:
    sid = signer["sid"].chosen
    for fingerprint, one in held.items():
        if (one.issuer.dump(), one.serial_number) == (sid["issuer"].dump(), sid["serial_number"].native):
            return fingerprint, load_der_x509_certificate(one.dump())
    raise Unproven("the signer's certificate is not in it")


def _attributes(given: Any, as_object: bool = False) -> dict[str, Any]:
    found = {}
    for one in given:
        name = one["type"].native
        if name in found or len(one["values"]) != 1:
            raise Malformed("an attribute stands twice")
        found[name] = one["values"][0] if as_object else one["values"][0].native
    return found


def _verify(certificate: Certificate, signer: Any, algorithm: str) -> None:
    message, value = signer["signed_attrs"].untag().dump(), signer["signature"].native
    key, digest = certificate.public_key(), HASHES[algorithm]
    said = signer["signature_algorithm"]["algorithm"].native
    try:
        if isinstance(key, RSAPublicKey) and said in ("rsassa_pkcs1v15", f"{algorithm}_rsa"):
            key.verify(value, message, PKCS1v15(), digest)
        elif isinstance(key, EllipticCurvePublicKey) and said in (f"{algorithm}_ecdsa", "ecdsa"):
            key.verify(value, message, ECDSA(digest))
        else:
            raise Malformed(f"a signature algorithm that certificates do not use: {said}")
    except InvalidSignature as error:
        raise Unproven("the signature is wrong") from error


def within(certificate: Certificate, at: datetime) -> bool:
    """True if the certificate was in its term."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
