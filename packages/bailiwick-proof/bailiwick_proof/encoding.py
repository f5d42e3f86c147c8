"""Base64 and decimal numbers with one spelling each, so that no two different texts mean the same."""

import base64
import binascii

from .errors import Malformed


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Decode standard base64; any other spelling of the same bytes is Malformed."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"not base64: {text[:40]!r}") from error
    if to_base64(data) != text:
        raise Malformed(f"base64 with stray bits: {text[:40]!r}")
    return data


def to_hash(text: str) -> bytes:
    """Decode the base64 of one SHA-256."""
    data = from_base64(text)
    if len(data) != 32:
        raise Malformed(f"a hash has 32 bytes, not {len(data)}")
    return data


def to_number(text: str) -> int:
    """Read a decimal number below 2**63 without sign or leading zeros."""
    plain = text.isascii() and text.isdecimal() and len(text) <= 19 and (text == "0" or text[0] != "0")
    if not plain or int(text) >= 1 << 63:
        raise Malformed(f"not a decimal number: {text[:40]!r}")
    return int(text)
