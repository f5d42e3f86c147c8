"""CloudWatch Logs filter patterns: terms (`error "exact phrase" ?either -without %regex%`) and `{ $.field = "x" }`.

Source: CloudWatch Logs user guide, "Filter pattern syntax". Space-delimited `[a, b]` patterns are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .errors import AwsError

Accepts = Callable[[str], bool]
MAX_LENGTH = 1024
MAX_QUANTIFIERS = 4
MISSING = object()

TERM = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))')
TOKEN = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||!=|<=|>=|=|<|>|\(|\))
    |(?P<path>\$(?:\.[\w@-]+|\.?\[(?:\d+|'[^']+'|"[^"]+")\])+)
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |%(?P<regex>(?:[^%\\]|\\.)+)%
    |(?P<word>[^\s()&|"=<>!]+))""",
    re.VERBOSE,
)
STEP = re.compile(r"""\.([\w@-]+)|\.?\[(?:(\d+)|'([^']+)'|"([^"]+)")\]""")


def compile_pattern(pattern: str) -> Accepts:
    """A predicate over messages; a pattern that cannot be understood is refused, never taken for 'everything'."""
    text = pattern.strip()
    if len(text) > MAX_LENGTH or text.startswith("["):
        raise _invalid()
    if not text:
        return lambda message: True
    if text.startswith("{"):
        if not text.endswith("}"):
            raise _invalid()
        test = _JsonPattern(text[1:-1]).parse()
        return lambda message: _json_accepts(test, message)
    return _compile_terms(text)


def _compile_terms(text: str) -> Accepts:
    required: list[Accepts] = []
    optional: list[Accepts] = []
    position = 0
    while position < len(text):
        found = TERM.match(text, position)
        if not found:
            raise _invalid()
        sign, phrase, expression, word = found.groups()
        test = _term(phrase, expression, word)
        if sign == "-":
            required.append(lambda message, test=test: not test(message))  # type: ignore[misc]
        else:
            (optional if sign == "?" else required).append(test)
        position = found.end()
    # AWS ignores ?terms when there are others; alone, any of them suffices.
    if required:
        return lambda message: all(test(message) for test in required)
    return lambda message: any(test(message) for test in optional)


def _term(phrase: str | None, expression: str | None, word: str | None) -> Accepts:
    if expression is not None:
        return _expression(expression)
    wanted = _unescaped(phrase) if phrase is not None else str(word)
    return lambda message: wanted in message


def _expression(source: str) -> Accepts:
    """AWS knows no groups here; without them, and with few quantifiers, no pattern can run away."""
    if "(" in source or len(re.findall(r"[*+{]", source)) > MAX_QUANTIFIERS:
        raise _invalid()
    try:
        compiled = re.compile(source)
    except (re.error, RecursionError) as error:
        raise _invalid() from error
    return lambda message: bool(compiled.search(message))


class _JsonPattern:
    """Recursive descent over `a && (b || c)`; each comparison becomes a predicate over the parsed event."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.rstrip()
        while position < len(text):
            found = TOKEN.match(text, position)
            if not found or found.end() == position:
                raise _invalid()
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()
        self._at = 0

    def parse(self) -> Callable[[Any], bool]:
        test = self._either()
        if self._at != len(self._tokens):
            raise _invalid()
        return test

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _invalid()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, operator: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("op", operator):
            self._at += 1
            return True
        return False

    def _either(self) -> Callable[[Any], bool]:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _both(self) -> Callable[[Any], bool]:
        tests = [self._single()]
        while self._take("&&"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _single(self) -> Callable[[Any], bool]:
        if self._take("("):
            test = self._either()
            if not self._take(")"):
                raise _invalid()
            return test
        kind, path = self._next()
        if kind != "path":
            raise _invalid()
        kind, operator = self._next()
        if kind == "word":
            return self._named(path, operator.upper())
        if kind != "op" or operator not in COMPARISONS:
            raise _invalid()
        return _comparison(path, operator, *self._next())

    def _named(self, path: str, first: str) -> Callable[[Any], bool]:
        second = self._next()[1].upper()
        if (first, second) == ("NOT", "EXISTS"):
            return lambda event: _value(event, path) is MISSING
        wanted = {"NULL": None, "TRUE": True, "FALSE": False}
        if first != "IS" or second not in wanted:
            raise _invalid()
        return lambda event: _value(event, path) is wanted[second]


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def _comparison(path: str, operator: str, kind: str, wanted: str) -> Callable[[Any], bool]:
    if kind not in ("text", "word", "regex"):
        raise _invalid()
    number = _number(wanted) if kind == "word" else None
    if number is not None:
        compare = COMPARISONS[operator]
        return lambda event: _is_number(actual := _value(event, path)) and compare(actual, number)
    if operator not in ("=", "!="):
        raise _invalid()
    matches = _expression(wanted) if kind == "regex" else _wildcard(_unescaped(wanted))
    equal = operator == "="
    return lambda event: isinstance(actual := _value(event, path), str) and matches(actual) is equal


def _wildcard(wanted: str) -> Accepts:
    compiled = re.compile(".*".join(re.escape(part) for part in wanted.split("*")), re.DOTALL)
    return lambda actual: bool(compiled.fullmatch(actual))


def _json_accepts(test: Callable[[Any], bool], message: str) -> bool:
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and test(event)


def _value(event: Any, path: str) -> Any:
    for name, index, single, double in STEP.findall(path):
        if index:
            event = event[int(index)] if isinstance(event, list) and int(index) < len(event) else MISSING
        else:
            event = event.get(name or single or double, MISSING) if isinstance(event, dict) else MISSING
    return event


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _invalid() -> AwsError:
    return AwsError("InvalidParameterException", "Invalid filter pattern")
