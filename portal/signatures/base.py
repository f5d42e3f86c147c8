"""What a signature of RFC 9421 is over, and the two headers that carry it. One signature, Ed25519, nothing optional.

Read strictly: what another reader might understand in another way is refused, so nobody signs one thing and asks for
another. No Django.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NEEDED = ("@method", "@target-uri", "content-digest")
DERIVED = frozenset({"@method", "@target-uri", "@authority", "@path", "@query"})
MOST = 4_000
LABEL = r"[a-z][a-z0-9_-]{0,31}"
FIELDS = r'\((?:"[a-z@][a-z0-9@-]*"(?: |(?=\)))){1,16}\)'
TEXT = r'"[ !#-\[\]-~]{0,200}"'
INPUT = re.compile(rf"({LABEL})=({FIELDS}((?:;[a-z]+=(?:\d{{1,15}}|{TEXT}))*))")
SIGNATURE = re.compile(rf"({LABEL})=:([A-Za-z0-9+/]{{86}}==):")
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
PARAMETER = re.compile(r';([a-z]+)=(?:(\d{1,15})|"([ !#-\[\]-~]{0,200})")')


class Unsigned(Exception):
    """The request is not signed as it must be; the message says what is wrong."""


@dataclass(frozen=True)
class Said:
    """What the two headers say."""

    components: tuple[str, ...]
    parameters: str  # as received, from the opening parenthesis on
    created: int
    keyid: str
    signature: bytes


@dataclass(frozen=True)
class Message:
    """One request. `header` returns a field's value as received, or None."""

    method: str
    url: str  # the whole target, as the client wrote it
    authority: str
    path: str
    query: str
    header: Callable[[str], str | None]


def read(signature_input: str, signature: str) -> Said:
    """Understand `Signature-Input` and `Signature`, or say why not."""
    named, signed = INPUT.fullmatch(signature_input.strip()[:MOST]), SIGNATURE.fullmatch(signature.strip()[:MOST])
    if named is None:
        raise Unsigned('Signature-Input names one list of fields, such as sig=("@method" …);created=…;keyid="…".')
    if signed is None or signed[1] != named[1]:
        raise Unsigned("Signature holds 64 bytes under the label of Signature-Input.")
    components = tuple(re.findall(r'"([^"]+)"', named[2].partition(")")[0]))
    found = PARAMETER.findall(named[3])
    given: Mapping[str, str] = {name: number or text for name, number, text in found}
    if len(given) != len(found) or len(set(components)) != len(components):
        raise Unsigned("A field or parameter of Signature-Input stands twice.")
    if missing := [one for one in NEEDED if one not in components]:
        raise Unsigned(f"Not signed: {', '.join(missing)}.")
    if given.get("alg", "ed25519") != "ed25519":
        raise Unsigned("The algorithm is ed25519.")
    if not given.get("created", "").isdigit() or not given.get("keyid"):
        raise Unsigned("Signature-Input says created and keyid.")
    return Said(components, named[2], int(given["created"]), given["keyid"], _bytes(signed[2]))


def base_of(message: Message, components: tuple[str, ...], parameters: str) -> bytes:
    """The signature base (RFC 9421, 2.5)."""
    lines = [f'"{name}": {_value(message, name)}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def require_digest(header: str | None, body: bytes) -> None:
    """Hold Content-Digest (RFC 9530) against the body."""
    found = DIGEST.fullmatch((header or "").strip())
    if found is None:
        raise Unsigned("Content-Digest holds the body's sha-256.")
    if _bytes(found[1]) != hashlib.sha256(body).digest():
        raise Unsigned("Content-Digest is not that of the body.")


def _value(message: Message, name: str) -> str:
    if name.startswith("@"):
        if name not in DERIVED:
            raise Unsigned(f"{name} is not understood.")
        whole = {"@method": message.method, "@target-uri": message.url, "@authority": message.authority}
        return {**whole, "@path": message.path, "@query": f"?{message.query}"}[name]
    found = message.header(name)
    if found is None:
        raise Unsigned(f"{name} is signed and was not sent.")
    return " ".join(found.split())


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Unsigned("What is written between colons is not base64.") from error
