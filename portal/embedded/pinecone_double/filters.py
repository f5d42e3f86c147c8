"""Metadata filters: `{"year": {"$gte": 2020}, "$or": [...]}` as a predicate over a vector's metadata.

Source: Pinecone documentation, "Filter by metadata". A filter that cannot be understood is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import invalid

Accepts = Callable[[dict[str, Any]], bool]
MAX_DEPTH = 16


def compile_filter(found: Any, depth: int = 0) -> Accepts:
    if not isinstance(found, dict) or depth > MAX_DEPTH:
        raise invalid("the filter must be an object, nested 16 deep at most")
    tests = [_clause(name, wanted, depth) for name, wanted in found.items()]
    return lambda metadata: all(test(metadata) for test in tests)


def _clause(name: str, wanted: Any, depth: int) -> Accepts:
    if name in ("$and", "$or"):
        if not isinstance(wanted, list) or not wanted:
            raise invalid(f"{name} must be a non-empty list")
        tests = [compile_filter(item, depth + 1) for item in wanted]
        combine = all if name == "$and" else any
        return lambda metadata: combine(test(metadata) for test in tests)
    if name.startswith("$"):
        raise invalid(f"{name} is not a filter operator at the top level")
    if not isinstance(wanted, dict):
        return _comparison(name, "$eq", wanted)
    comparisons = [_comparison(name, operator, value) for operator, value in wanted.items()]
    if not comparisons:
        raise invalid(f"the condition on {name} is empty")
    return lambda metadata: all(test(metadata) for test in comparisons)


def _comparison(name: str, operator: str, wanted: Any) -> Accepts:
    if operator not in OPERATORS:
        raise invalid(f"{operator} is not a valid operator")
    check, test = OPERATORS[operator]
    if not check(wanted):
        raise invalid(f"the {operator} operator cannot take {str(wanted)[:64]!r}")
    return lambda metadata: test(metadata.get(name), wanted)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(_is_scalar(item) for item in value)


def _equal(actual: Any, wanted: Any) -> bool:
    """A list of strings equals each of its members, as in Pinecone."""
    if isinstance(actual, list):
        return wanted in actual
    return actual == wanted and isinstance(actual, bool) is isinstance(wanted, bool)


OPERATORS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Any], bool]]] = {
    "$eq": (_is_scalar, _equal),
    "$ne": (_is_scalar, lambda actual, wanted: not _equal(actual, wanted)),
    "$gt": (_is_number, lambda actual, wanted: _is_number(actual) and actual > wanted),
    "$gte": (_is_number, lambda actual, wanted: _is_number(actual) and actual >= wanted),
    "$lt": (_is_number, lambda actual, wanted: _is_number(actual) and actual < wanted),
    "$lte": (_is_number, lambda actual, wanted: _is_number(actual) and actual <= wanted),
    "$in": (_is_list, lambda actual, wanted: any(_equal(actual, item) for item in wanted)),
    "$nin": (_is_list, lambda actual, wanted: not any(_equal(actual, item) for item in wanted)),
    "$exists": (lambda value: isinstance(value, bool), lambda actual, wanted: (actual is not None) is wanted),
}
