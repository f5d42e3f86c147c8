"""Who is calling and may they: every operation of every service asks `require` before it does anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import policy
from .errors import AwsError

if TYPE_CHECKING:
    from .account import Account


@dataclass(frozen=True)
class Caller:
    """A verified principal: the account's root, an IAM user, or nobody (an unsigned request)."""

    arn: str
    user_name: str = ""
    is_root: bool = False
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_anonymous(self) -> bool:
        return self.arn == policy.ANONYMOUS


@dataclass(frozen=True)
class Guarded:
    """What is asked for; `document` is the resource's own policy, `delegates` says it leaves the choice to IAM."""

    action: str
    resource: str
    document: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    service_error: str = "AccessDenied"
    also: str = ""  # a second spelling of the resource's ARN (log groups have two)


def require(account: Account, caller: Caller, guarded: Guarded) -> None:
    """Returns, or raises the service's access-denied error."""
    if not is_allowed(account, caller, guarded):
        who = "anonymous" if caller.is_anonymous else caller.arn
        raise AwsError(
            guarded.service_error,
            f"User: {who} is not authorized to perform: {guarded.action} on resource: {guarded.resource}",
            403 if guarded.service_error == "AccessDenied" else 400,
        )


def is_allowed(account: Account, caller: Caller, guarded: Guarded) -> bool:
    """Explicit deny anywhere wins; root needs no allow; a user needs one, from itself or from the resource."""
    context = {**caller.context, **guarded.context}
    verdicts = set()
    for resource in filter(None, (guarded.resource, guarded.also)):
        access = policy.Access(caller.arn, guarded.action, resource, context)
        if guarded.document:
            verdicts.add(policy.decide(access, policy.load(guarded.document), resource_policy=True))
        for text in _identity_policies(account, caller):
            verdicts.add(policy.decide(access, policy.load(text), resource_policy=False))
    return "Deny" not in verdicts and (caller.is_root or "Allow" in verdicts)


def _identity_policies(account: Account, caller: Caller) -> list[str]:
    if not caller.user_name:
        return []
    rows = account.store.all("SELECT document FROM user_policies WHERE user_name = ?", caller.user_name)
    return [row["document"] for row in rows]
