"""Evaluates policy documents: an explicit Deny wins, then any Allow, otherwise nothing is granted.

Source: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements". Pure functions over parsed JSON.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .errors import AwsError

MAX_DOCUMENT = 20 * 1024
ANONYMOUS = "*anonymous*"
VARIABLE = re.compile(r"\$\{([A-Za-z0-9:/_-]+)\}")


@dataclass(frozen=True)
class Access:
    """One question: may `principal` (an ARN) do `action` on `resource`, given these condition keys?"""

    principal: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def parse(text: str, needs_principal: bool) -> dict[str, Any]:
    """The document as JSON; anything that is no policy is refused with MalformedPolicyDocument."""
    if len(text) > MAX_DOCUMENT:
        raise _malformed("The policy is larger than 20 KB.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed("The policy is not valid JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), (list, dict)):
        raise _malformed("The policy has no Statement.")
    for statement in statements(document):
        _check(statement, needs_principal)
    return document


def statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


@lru_cache(maxsize=512)
def load(text: str) -> tuple[dict[str, Any], ...]:
    """Statements of a stored (already checked) document."""
    return tuple(statements(json.loads(text)))


def decide(access: Access, found: Iterable[Mapping[str, Any]], resource_policy: bool) -> str | None:
    """'Deny', 'Allow' or None. Identity policies name no principal; resource policies must name this one."""
    verdict = None
    for statement in found:
        if resource_policy and not _names_principal(statement, access.principal):
            continue
        if _applies(statement, access):
            if statement["Effect"] == "Deny":
                return "Deny"
            verdict = "Allow"
    return verdict


def is_public(document: Mapping[str, Any]) -> bool:
    """True when some Allow is for everyone and no condition narrows it (S3's meaning, simplified)."""
    return any(
        statement["Effect"] == "Allow" and "Condition" not in statement and "*" in _principals(statement)
        for statement in statements(document)
    )


def matches(pattern: str, value: str, ignore_case: bool = False) -> bool:
    return bool(_pattern(pattern, ignore_case).fullmatch(value))


@lru_cache(maxsize=2048)
def _pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    expression = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _check(statement: Any, needs_principal: bool) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Every statement needs an Effect of Allow or Deny.")
    if ("Principal" in statement or "NotPrincipal" in statement) is not needs_principal:
        raise _malformed("Missing required field Principal" if needs_principal else "Principal is not allowed here.")
    if not ("Action" in statement) ^ ("NotAction" in statement):
        raise _malformed("Every statement needs Action or NotAction.")
    if not ("Resource" in statement) ^ ("NotResource" in statement):
        raise _malformed("Every statement needs Resource or NotResource.")
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(value, str) for value in _listed(statement.get(name, []))):
            raise _malformed(f"{name} must be a string or a list of strings.")
    _check_conditions(statement.get("Condition", {}))


def _check_conditions(conditions: Any) -> None:
    if not isinstance(conditions, dict) or not all(isinstance(block, dict) for block in conditions.values()):
        raise _malformed("Condition must map operators to keys.")
    for operator in conditions:
        if _bare(operator).removesuffix("IfExists") not in OPERATORS:
            raise _malformed(f"Invalid Condition type: {operator}")


def _applies(statement: Mapping[str, Any], access: Access) -> bool:
    actions, resources = _listed(statement.get("Action", statement.get("NotAction"))), _resources(statement, access)
    named = any(matches(pattern, access.action, True) for pattern in actions) is ("Action" in statement)
    on = any(matches(pattern, access.resource) for pattern in resources) is ("Resource" in statement)
    return named and on and _conditions_hold(statement.get("Condition", {}), access.context)


def _resources(statement: Mapping[str, Any], access: Access) -> list[str]:
    """Resource patterns with variables such as ${aws:username} filled in; an unknown variable matches nothing."""
    patterns = _listed(statement.get("Resource", statement.get("NotResource")))
    return [VARIABLE.sub(lambda found: access.context.get(found[1], "\0"), pattern) for pattern in patterns]


def _names_principal(statement: Mapping[str, Any], principal: str) -> bool:
    """An Allow for the account leaves the choice to its identity policies; a Deny for it hits every user."""
    if "NotPrincipal" in statement:
        return _short(principal) not in map(_short, _listed(_aws(statement["NotPrincipal"])))
    named = _principals(statement)
    if "*" in named or principal == ANONYMOUS:
        return "*" in named
    return _short(principal) in named or (statement["Effect"] == "Deny" and _account_of(principal) in named)


def _principals(statement: Mapping[str, Any]) -> set[str]:
    return {_short(name) for name in _listed(_aws(statement.get("Principal", [])))}


def _short(principal: Any) -> str:
    """An account's root ARN stands for the account's number."""
    text = str(principal)
    return text.removeprefix("arn:aws:iam::").removesuffix(":root") if text.endswith(":root") else text


def _aws(principal: Any) -> Any:
    return principal.get("AWS", []) if isinstance(principal, dict) else principal


def _account_of(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") >= 4 else ""


def _conditions_hold(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _condition_holds(operator, key, _listed(wanted), context)
        for operator, block in conditions.items()
        for key, wanted in block.items()
    )


def _condition_holds(operator: str, key: str, wanted: list[Any], context: Mapping[str, str]) -> bool:
    name = _bare(operator)
    actual = next((value for known, value in context.items() if known.lower() == key.lower()), None)
    if name == "Null":
        return str(wanted[0]).lower() == str(actual is None).lower()
    optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    negative = "Not" in name
    if actual is None:
        return optional or negative or operator.startswith("ForAllValues:")
    test = OPERATORS[name]
    found = any(test(actual, str(value).lower() if isinstance(value, bool) else str(value)) for value in wanted)
    return found is not negative


def _bare(operator: str) -> str:
    return operator.removeprefix("ForAnyValue:").removeprefix("ForAllValues:")


def _number(test: Any) -> Any:
    def compare(actual: str, wanted: str) -> bool:
        try:
            return bool(test(float(actual), float(wanted)))
        except ValueError:
            return False

    return compare


def _in_network(actual: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _equal(actual: str, wanted: str) -> bool:
    return actual == wanted


def _equal_ignoring_case(actual: str, wanted: str) -> bool:
    return actual.lower() == wanted.lower()


def _like(actual: str, wanted: str) -> bool:
    return matches(wanted, actual)


OPERATORS: dict[str, Any] = {
    "StringEquals": _equal, "StringNotEquals": _equal,
    "StringEqualsIgnoreCase": _equal_ignoring_case, "StringNotEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": _like, "StringNotLike": _like, "ArnLike": _like, "ArnNotLike": _like,
    "ArnEquals": _like, "ArnNotEquals": _like, "Bool": _equal_ignoring_case,
    "NumericEquals": _number(lambda a, b: a == b), "NumericNotEquals": _number(lambda a, b: a == b),
    "NumericLessThan": _number(lambda a, b: a < b), "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b), "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
    "IpAddress": _in_network, "NotIpAddress": _in_network, "Null": None,
}  # fmt: skip


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message, 400)
