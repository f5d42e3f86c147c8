"""How a look becomes an answer. Whatever goes wrong in between is an answer that was not checked, never a zero."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from .looking import Answer, Question

ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)


class NotChecked(Exception):
    """The store was not looked at, or not at all of it; the message says why, in one sentence."""


@dataclass
class Seen:
    """Records seen, by container; how many of the manifest's ids are there; the query, where only the look knows it."""

    by: Counter[str] = field(default_factory=Counter)
    listed: int | None = None
    query: str = ""


def answer(verifier: str, credential: str, query: str, look: Callable[[], Seen]) -> Answer:
    """Look, and say what was seen."""
    try:
        seen = look()
    except NotChecked as error:
        return Answer(verifier, credential, query, None, why=str(error))
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is not zero either
        return Answer(verifier, credential, query, None, why=f"The store's answer was not understood ({_kind(error)}).")
    by = {name: count for name, count in sorted(seen.by.items()) if count}
    return Answer(verifier, credential, seen.query or query, sum(by.values()), seen.listed, by=by)


def _kind(error: Exception) -> str:
    return type(error).__name__


def ids_in(text: str) -> Iterator[str]:
    """Every id in a text, as 32 hex digits: a whole segment, never a piece of a longer number."""
    for found in ID.finditer(text):
        yield found[0].replace("-", "").lower()


def names_any(text: str, wanted: Collection[str]) -> bool:
    """Whether the text holds one of these ids (32 hex digits)."""
    return any(one in wanted for one in ids_in(text))


def subject_of(question: Question) -> frozenset[str]:
    """The ids by which what is sought is known: the tenant's, or the person's and those of the documents."""
    found: list[UUID] = [question.tenant_id]
    if question.kind != "tenant":
        found = [*question.documents, *([question.user_id] if question.user_id else [])]
    return frozenset(one.hex for one in found)
