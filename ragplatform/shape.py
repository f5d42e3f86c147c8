"""Checks the shape of a request body: unknown fields, types and lengths; never a 5xx for what a client sent."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from .ids import uuid_or_none
from .problems import Problem, invalid

EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")
MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
MISSING = object()

Check = Callable[[str, Any], Any]


def read_object(raw: bytes, content_type: str, fields: dict[str, Check]) -> dict[str, Any]:
    """The JSON object in `raw`, each field checked; raises Problem 400, 415 or 422."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")
    try:
        data = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not-json", "The body is not a JSON document.") from error
    if not isinstance(data, dict):
        raise Problem(422, "invalid", "The body must be a JSON object.")
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise invalid(_printable(unknown[0]), "unknown field; known are " + ", ".join(fields))
    return {name: check(name, data.get(name, MISSING)) for name, check in fields.items()}


def text(smallest: int, largest: int, default: str | None = None) -> Check:
    """A string of so many characters, without NUL and without halves of surrogate pairs."""

    def check(name: str, value: Any) -> str:
        if value is MISSING and default is not None:
            return default
        if not isinstance(value, str) or not smallest <= len(value) <= largest:
            raise invalid(name, f"a string of {smallest} to {largest:,} characters")
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise invalid(name, "no NUL characters and no lone surrogates")
        if smallest and not value.strip():
            raise invalid(name, "more than white space")
        return value

    return check


def matching(pattern: re.Pattern[str], wanted: str, default: str | None = None) -> Check:
    """A short string of a given form."""
    shape = text(1, 256, default)

    def check(name: str, value: Any) -> str:
        found: str = shape(name, value)
        if not pattern.fullmatch(found):
            raise invalid(name, wanted)
        return found

    return check


def whole(smallest: int, largest: int, default: int) -> Check:
    """An integer in a range."""

    def check(name: str, value: Any) -> int:
        if value is MISSING:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
            raise invalid(name, f"a whole number from {smallest} to {largest}")
        return value

    return check


def identifier(required: bool = False) -> Check:
    """A UUID."""

    def check(name: str, value: Any) -> UUID | None:
        if value in (MISSING, None) and not required:
            return None
        found = uuid_or_none(value)
        if found is None:
            raise invalid(name, "a UUID such as 0198c0de-0000-7000-8000-000000000001")
        return found

    return check


def everyone_or_users(name: str, value: Any) -> list[UUID] | None:
    """None for everyone (the default), else the listed users."""
    if value is MISSING or value == "everyone":
        return None
    if not isinstance(value, list) or len(value) > 1000:
        raise invalid(name, '"everyone" or a list of at most 1,000 user ids')
    return sorted({identifier(required=True)(name, item) for item in value})


def chosen(allowed: tuple[str, ...]) -> Check:
    """A non-empty list of some of the allowed words."""

    def check(name: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not value or any(item not in allowed for item in value):
            raise invalid(name, "a list of some of " + ", ".join(allowed))
        return sorted(set(value))

    return check


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _printable(name: str) -> str:
    return name.encode("ascii", "replace").decode()[:60]
