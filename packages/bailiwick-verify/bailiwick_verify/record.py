"""The shape of a migration record: exactly these members, each of its kind."""

import re
from collections.abc import Callable
from typing import Any

FORMAT = "bailiwick.migration-record/1"
Kind = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _root(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _time(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:.]{8,15}(\+00:00|Z)", value) is not None


def _pause(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+\.\d", value) is not None


def _tables(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(_count(rows) for rows in value.values())


def _stores(value: Any) -> bool:
    known = isinstance(value, dict) and bool(value) and value.keys() <= {"objects", "vectors"}
    return known and all(number is None or _count(number) for number in value.values())


def _witnesses(value: Any) -> bool:
    """By region; a move whose witness differs is not switched."""
    known = isinstance(value, dict) and bool(value)
    return known and all(not list(_misfits(WITNESS, one, "it")) for one in value.values())


def _or_null(kind: Any) -> Any:
    return lambda value: value is None or not list(_misfits(kind, value, "it"))


SWITCH = {
    "attempts": _count,
    "epoch": _count,
    "pause_ms": _or_null(_pause),
    "budget_ms": _pause,
    "keys_inside": _or_null(_count),
}
BESIDE = {"total": _count, "root_source": _root, "root_target": _root}
WITNESS = {"outcome": lambda value: value in ("agrees", "none at hand", "older than the copy"), "at": _or_null(_time)}
FOUND = {"alike": _count, "different": _count, "missing": _count}
# Where they are not rows on both sides; where the target was given up; where it was only these stores of it; where
# something other than the guard noted what changed; where DataSync carried objects ahead; since inventories are read.
OPTIONAL = {"vectors", "loss", "stores", "capture", "datasync", "inventory"}
RECORD: dict[str, Any] = {
    "format": _text,
    "outcome": _text,
    "move": _text,
    "migration": _text,
    "tenant": _text,
    "is_rehearsal": lambda value: isinstance(value, bool),
    "capture": lambda value: value == "native",
    "source": _text,
    "target": _text,
    "job_epoch": _count,
    "routing": {"before": _count, "after": _count, "now": _count},
    "rows": {"snapshot": _text, "total": _count, "tables": _tables, "root_source": _root, "root_target": _root},
    "objects": BESIDE,
    "vectors": BESIDE,
    "datasync": {
        "listed": _count,
        "execution": _or_null(_text),
        "status": _or_null(_text),
        "files": _or_null(_count),
        "bytes": _or_null(_count),
        "found": _or_null(FOUND),
    },
    "inventory": _witnesses,
    "switch": SWITCH,
    "way_back": _or_null(SWITCH),
    "loss": {
        "writes": _or_null(_count),
        "epoch": _count,
        "counted_at": _or_null(_time),
        "silent_since": _time,
        "accepted_at": _time,
        "stores": _stores,
    },
    "rounds": _count,
    "versions": {"engine": _text, "module": _text, "client": _text},
    "times": {"started": _time, "verified": _time, "switched": _time, "ended": _or_null(_time)},
}


def misfits(record: Any) -> list[str]:
    """The members that are missing, unknown or of another kind."""
    return list(_misfits(RECORD, record, ""))


def _misfits(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(shape, dict):
        return [] if shape(value) else [path]
    if not isinstance(value, dict):
        return [path]
    odd = [f"{path}.{name}".lstrip(".") for name in sorted((shape.keys() ^ value.keys()) - (shape.keys() & OPTIONAL))]
    known = sorted(shape.keys() & value.keys())
    return odd + [line for name in known for line in _misfits(shape[name], value[name], f"{path}.{name}".lstrip("."))]
