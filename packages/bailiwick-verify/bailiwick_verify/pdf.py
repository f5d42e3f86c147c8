"""Verify the PDF of a certificate without a PDF library: one signature over the whole file, and the JSON inside.

Valid alone is not enough: a PDF may be appended to and its signature still be valid for what was there before. So the
signature must cover every byte but its own, and those have one spelling.
"""

import hashlib
import re
from collections.abc import Mapping

from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.trust import Authority, IssuerKey

from . import cms, timestamp

RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")
ATTACHED = re.compile(rb'stream\r?\n(\{"core":\{.*?\})\r?\nendstream', re.DOTALL)


def verify(
    data: bytes, key_of: Mapping[str, IssuerKey], authorities: Mapping[str, Authority]
) -> tuple[bytes, IssuerKey, timestamp.Stamped]:
    """Return the attached certificate, the key whose PDF this is and when it was stamped."""
    covered, der = _parts(data)
    signed = cms.opened(der, set(key_of) | set(authorities), covered)
    if signed.fingerprint not in key_of:
        raise Unproven("the PDF is signed by somebody else than the issuer")
    if set(signed.unsigned) != {"signature_time_stamp_token"}:
        raise Unproven("the PDF's signature has no time stamp, or something beside it")
    token = signed.unsigned["signature_time_stamp_token"].dump()
    stamped = timestamp.verify(token, signed.signature, authorities)
    return _attached(data), key_of[signed.fingerprint], stamped


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The bytes its signature covers, and the signature: exactly one, over all of the file."""
    found = RANGE.findall(data)
    if not data.startswith(b"%PDF-") or not found:
        raise Malformed("not a signed PDF")
    first, gap, after, length = (int(one) for one in found[-1])
    if len(found) > 1 or after + length < len(data):
        raise Unproven("the PDF was added to after it was signed: valid for what was there, but not intact")
    if first != 0 or after + length != len(data) or not 0 < gap < after:
        raise Unproven("the PDF's signature does not cover the whole file")
    return data[:gap] + data[after:], _signature(data[gap:after])


def _signature(gap: bytes) -> bytes:
    """The DER in `<hex, filled up with zeros>`, which has one spelling."""
    try:
        value = bytes.fromhex(gap[1:-1].decode("ascii"))
        size = _der_length(value)
    except (ValueError, UnicodeDecodeError, IndexError) as error:
        raise Unproven("the PDF's signature is damaged") from error
    if gap != b"<" + value[:size].hex().upper().encode().ljust(len(gap) - 2, b"0") + b">":
        raise Unproven("the room of the PDF's signature holds something else")
    return value[:size]


def _der_length(value: bytes) -> int:
    if value[0] != 0x30 or not 0x81 <= value[1] <= 0x84:
        raise ValueError("no sequence")
    count = value[1] & 0x7F
    size = 2 + count + int.from_bytes(value[2 : 2 + count], "big")
    if size > len(value):
        raise ValueError("cut off")
    return size


def _attached(data: bytes) -> bytes:
    found = ATTACHED.findall(data)
    if len(found) != 1:
        raise Malformed("the PDF carries no certificate, or more than one")
    return bytes(found[0])


def digest(data: bytes) -> str:
    """How a status page names this very file."""
    return hashlib.sha256(data).hexdigest()
