"""The part of CBOR (RFC 8949) that the AWS SDKs send: maps, lists, text, bytes, numbers, booleans, null."""

from __future__ import annotations

import struct
from typing import Any

from .errors import AwsError

MAX_DEPTH = 32
BREAK = object()
SIMPLE = {20: False, 21: True, 22: None, 23: None}
FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def loads(data: bytes) -> Any:
    """The one value in `data`; anything malformed is refused."""
    try:
        value, position = _item(data, 0, 0)
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise _malformed() from error
    if position != len(data) or value is BREAK:
        raise _malformed()
    return value


def dumps(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return b"\xf6" if value is None else b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(dumps(item) for item in value)
    return _head(5, len(value)) + b"".join(dumps(key) + dumps(item) for key, item in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError("the number needs more than 64 bits")


def _item(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise _malformed()
    major, info = data[position] >> 5, data[position] & 31
    position += 1
    if major == 7:
        return _simple(data, position, info)
    if info == 31:
        return _indefinite(data, position, major, depth)
    number, position = _number(data, position, info)
    if major in (0, 1):
        return (number if major == 0 else -1 - number), position
    if major in (2, 3):
        if position + number > len(data):
            raise _malformed()
        raw = data[position : position + number]
        return (raw if major == 2 else raw.decode()), position + number
    if major == 6:  # a tag says how to read the value, which we keep as it is
        return _item(data, position, depth + 1)
    return _container(data, position, major, number, depth)


def _number(data: bytes, position: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, position
    if info > 27:
        raise _malformed()
    size = 1 << info - 24
    if position + size > len(data):
        raise _malformed()
    return int.from_bytes(data[position : position + size], "big"), position + size


def _simple(data: bytes, position: int, info: int) -> tuple[Any, int]:
    if info == 31:
        return BREAK, position
    if info in FLOATS:
        size = 1 << info - 24
        return struct.unpack(FLOATS[info], data[position : position + size])[0], position + size
    return SIMPLE[info], position


def _container(data: bytes, position: int, major: int, count: int, depth: int) -> tuple[Any, int]:
    if count > len(data):
        raise _malformed()
    items = []
    for _ in range(count * (2 if major == 5 else 1)):
        value, position = _item(data, position, depth + 1)
        items.append(value)
    return _built(major, items), position


def _indefinite(data: bytes, position: int, major: int, depth: int) -> tuple[Any, int]:
    items: list[Any] = []
    while True:
        value, position = _item(data, position, depth + 1)
        if value is BREAK:
            return _built(major, items), position
        items.append(value)


def _built(major: int, items: list[Any]) -> Any:
    if any(item is BREAK for item in items):
        raise _malformed()
    if major == 5:
        return dict(zip(items[::2], items[1::2], strict=True))
    if major == 4:
        return items
    return b"".join(items) if major == 2 else "".join(items)


def _malformed() -> AwsError:
    return AwsError("SerializationException", "The CBOR body could not be read.")
