"""What a page offers to do: a verb with its words, its cost, and whether it wants a reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django import forms


@dataclass(frozen=True)
class Verb:
    """One button of an object page.

    `says` tells what it costs or changes, in words. `run(obj, actor=…, reason=…, **fields)` calls the action, which
    asks the policy again; it may return what to tell the person, or a file to take away. `wants_request` is for the
    few that must know where the person sits, `wants_password` for those that move credentials, `is_elsewhere` for
    those whose button stands in the page itself.
    """

    name: str
    label: Any
    run: Callable[..., Any]
    says: Any = ""
    tone: str = "plain"
    wants_reason: bool = True
    form: type[forms.Form] | None = None
    initial: dict[str, Any] = field(default_factory=dict)
    wants_request: bool = False
    wants_password: bool = False
    is_elsewhere: bool = False
    done: Any = ""


@dataclass(frozen=True)
class Fact:
    """One labelled value of an object page; `kind` as in a list's cells."""

    label: Any
    value: Any
    kind: str = "text"
    url: str = ""


@dataclass(frozen=True)
class Facts:
    """A card of facts."""

    title: Any
    rows: list[Fact]
    note: Any = ""
