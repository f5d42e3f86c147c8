"""How a look becomes an answer. Whatever goes wrong in between is an answer that was not checked, never a zero."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from .looking import Answer, Question

ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)


class NotChecked(Exception):
    """The store was not looked at, or not at all of it; the message says why, in one sentence."""


@dataclass
class Seen:
    """Records seen, by container; how many of the manifest's ids are there; the query, where only the look knows it.

    `kept` are records that a law keeps, by container, apart from those seen.
    """

    by: Counter[str] = field(default_factory=Counter)
    listed: int | None = None
    query: str = ""
    kept: Counter[str] = field(default_factory=Counter)


def answer(verifier: str, credential: str, query: str, look: Callable[[], Seen]) -> Answer:
    """Look, and say what was seen."""
    return answers(verifier, credential, query, 1, lambda: [look()])[0]


def answers(
    verifier: str, credential: str, query: str, many: int, look: Callable[[], Sequence[Seen | NotChecked]]
) -> list[Answer]:
    """One look for so many questions, and what was seen for each. A look that goes wrong was none for any of them."""
    try:
        seen = look()
    except NotChecked as error:
        return [Answer(verifier, credential, query, None, why=str(error))] * many
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is not zero either
        why = f"The store's answer was not understood ({_kind(error)})."
        return [Answer(verifier, credential, query, None, why=why)] * many
    return [_said(verifier, credential, query, one) for one in seen]


def _said(verifier: str, credential: str, query: str, seen: Seen | NotChecked) -> Answer:
    if isinstance(seen, NotChecked):
        return Answer(verifier, credential, query, None, why=str(seen))
    by, kept = ({name: count for name, count in sorted(one.items()) if count} for one in (seen.by, seen.kept))
    return Answer(verifier, credential, seen.query or query, sum(by.values()), seen.listed, by=by, kept=kept)


def _kind(error: Exception) -> str:
    return type(error).__name__


def ids_in(text: str) -> Iterator[str]:
    """Every id in a text, as 32 hex digits: a whole segment, never a piece of a longer number."""
    for found in ID.finditer(text):
        yield found[0].replace("-", "").lower()


def subject_of(question: Question) -> frozenset[str]:
    """The ids by which what is sought is known: the tenant's, or the person's and those of the documents."""
    found: list[UUID] = [question.tenant_id]
    if question.kind != "tenant":
        found = [*question.documents, *([question.user_id] if question.user_id else [])]
    return frozenset(one.hex for one in found)


class Sought:
    """Of several questions, which of them seek what a text names."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._of: dict[str, set[int]] = {}
        for number, question in enumerate(questions):
            for one in subject_of(question):
                self._of.setdefault(one, set()).add(number)

    def named_in(self, text: str) -> set[int]:
        """The numbers of the questions whose subject the text names."""
        return set().union(*(self._of.get(one, ()) for one in ids_in(text)))
