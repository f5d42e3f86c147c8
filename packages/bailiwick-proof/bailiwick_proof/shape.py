"""Typed shapes of JSON: a dataclass whose every instance, however it was made, has members of exactly its types.

    Name = Annotated[str, Form("[a-z]+")]

    @dataclass(frozen=True, slots=True)
    class Person(Shape):
        name: Name
        friends: tuple[Name, ...]

Known are str, int (not negative), bool, literals, forms, `None`, other shapes and tuples of these.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from .errors import Malformed


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like, whole."""

    pattern: str

    def fits(self, value: Any) -> bool:
        return type(value) is str and re.fullmatch(self.pattern, value) is not None


Digest = Annotated[str, Form(r"[0-9a-f]{64}")]
Id = Annotated[str, Form(r"[0-9a-f]{32}")]
Code = Annotated[str, Form(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,119}")]
Words = Annotated[str, Form(r"[^\x00-\x1f\x7f@]{1,1000}")]  # without the sign that every mail address has
Day = Annotated[str, Form(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")]
Time = Annotated[
    str,
    Form(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{6})?\+00:00"),
]


@dataclass(frozen=True, slots=True)
class Shape:
    """A value of one shape; making one of another is Malformed."""

    def __post_init__(self) -> None:
        wrong = [name for name, hint in _hints(type(self)).items() if not _fits(hint, getattr(self, name))]
        if wrong:
            raise Malformed(f"{type(self).__name__.lower()}: not of its form: {', '.join(wrong)}")

    @classmethod
    def of(cls, plain: Any) -> Self:
        """Read it from what JSON gave; members that are missing or unknown are Malformed."""
        hints = _hints(cls)
        if not isinstance(plain, dict):
            raise Malformed(f"{cls.__name__.lower()}: not an object")
        if odd := sorted(hints.keys() ^ plain.keys()):
            raise Malformed(f"{cls.__name__.lower()}: missing or unknown: {', '.join(odd)}")
        return cls(**{name: _made(hint, plain[name]) for name, hint in hints.items()})

    def plain(self) -> dict[str, Any]:
        """What JSON writes."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    def texts(self) -> Iterator[str]:
        """Every text in it, for who looks for what must not be there."""
        yield from _texts(self.plain())


_KNOWN: dict[type, dict[str, Any]] = {}


def _hints(cls: type[Shape]) -> dict[str, Any]:
    if cls not in _KNOWN:
        found = get_type_hints(cls, include_extras=True)
        _KNOWN[cls] = {one.name: found[one.name] for one in fields(cls)}
    return _KNOWN[cls]


def _fits(hint: Any, value: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return all(form.fits(value) for form in parts[1:])
    if origin is Literal:
        return type(value) is str and value in parts
    if origin in (Union, UnionType):
        return any(_fits(part, value) for part in parts)
    if origin is tuple:
        return type(value) is tuple and all(_fits(parts[0], one) for one in value)
    return type(value) is hint and (hint is not int or 0 <= value < 1 << 63)


def _made(hint: Any, plain: Any) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return None if plain is None else _made(next(part for part in parts if part is not type(None)), plain)
    if origin is tuple:
        return tuple(_made(parts[0], one) for one in plain) if isinstance(plain, list) else plain
    return hint.of(plain) if isinstance(hint, type) and issubclass(hint, Shape) else plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.plain() if isinstance(value, Shape) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
