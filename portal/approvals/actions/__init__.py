"""Every write of approvals. One verb, one function; the actor is named, and refusals are typed."""

from .cases import answer, ask, cancel_case, open_case, void
from .delegations import delegate, revoke_delegation
from .effect import effect_of
from .rules import create_rule, edit_rule, retire_rule
from .signing import reject, sign
from .time import escalate, expire, reassess

__all__ = [
    "answer",
    "ask",
    "cancel_case",
    "create_rule",
    "delegate",
    "edit_rule",
    "effect_of",
    "escalate",
    "expire",
    "open_case",
    "reassess",
    "reject",
    "retire_rule",
    "revoke_delegation",
    "sign",
    "void",
]
