"""Vectors of a region: the rows of pgvector, and everything in its Pinecone account."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from .answering import NotChecked, Seen, answers, ids_in, subject_of
from .database import CREDENTIAL, opened
from .looking import Answer, Question, Together
from .manifest import Manifests, codes, was_listed
from .pinecone import Account, Namespace
from .rows import counted

DOCUMENTS = """
SELECT key[1] FROM bw.erasure_item WHERE request_id = %s AND system = ANY(%s) AND table_name = 'documents'
"""
HELD = "SELECT id FROM rag.documents WHERE tenant_id = %s AND id = ANY(%s)"
SOME = 100
QUERY = (
    "the rows of rag.chunk_vectors;\nof every Pinecone index every namespace, and of those every id: a tenant's"
    " namespace, ids that begin with a document of the manifest, wherever they are, and of a person or a document those"
    " whose metadata say so"
)


class Vectors(Together):
    """Counts rows of vectors in one snapshot, and takes a census of Pinecone where the region has it."""

    name = "vectors"

    def __init__(self, patience: float = 20.0) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        keys = [CREDENTIAL] + (["the read-only key of Pinecone"] if questions[0].region.pinecone else [])
        return answers(self.name, ", ".join(keys), QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen | NotChecked]:
        region = questions[0].region
        rows: list[Seen | NotChecked] = [Seen() for _ in questions]
        if region.has_pgvector:
            rows = counted(questions, self.name, lambda table: table.is_vectors)
        if region.pinecone is None:
            return rows
        manifests, documents = Manifests(questions, self.name), [_documents(one) for one in questions]
        beside: list[Counter[str]] = [Counter() for _ in questions]
        with Account(region, self._patience) as account:
            for namespace in account.namespaces():
                for number, many in enumerate(_census(account, namespace, questions, documents, manifests)):
                    beside[number][f"{namespace.index}/{namespace.name}"] += many
        return [_together(seen, beside[number], manifests.listed(number)) for number, seen in enumerate(rows)]


def _together(rows: Seen | NotChecked, beside: Counter[str], listed: int | None) -> Seen | NotChecked:
    """What was seen of the rows and of the account."""
    if isinstance(rows, NotChecked):
        return rows
    both = rows.listed if listed is None else (rows.listed or 0) + listed
    return Seen(rows.by + beside, both, f"{rows.query};\n{QUERY}")


def _census(
    account: Account,
    namespace: Namespace,
    questions: Sequence[Question],
    documents: Sequence[frozenset[str]],
    manifests: Manifests,
) -> Iterator[int]:
    """How many vectors of each subject are in a namespace: all of a tenant's own, elsewhere those of its documents."""
    owner, found = _owner(namespace.name), [set[str]() for _ in questions]
    whole = {number for number, one in enumerate(questions) if one.kind == "tenant" and owner == one.tenant_id}
    wanted: dict[str, set[int]] = {}
    for number, theirs in enumerate(documents):
        for one in theirs:
            wanted.setdefault(one, set()).add(number)
    for vector in account.ids(namespace):
        for number in whole | wanted.get(_document(vector), set()):
            found[number].add(vector)
        manifests.look(f"pinecone:{namespace.name}/{vector}")
    # one question for all: where metadata name nobody, they name none of several
    is_said = len(questions) == 1 or any(
        next(account.naming(namespace, one), None) for one in _of_all(questions, owner)
    )
    for number, question in enumerate(questions):
        seen, is_anothers = found[number], owner not in (None, question.tenant_id)
        if owner and is_anothers and seen:
            held = _held(question, owner, {_document(one) for one in seen})
            seen = {one for one in seen if _document(one) not in held}
        for condition in _conditions([question], is_anothers) if is_said else ():
            seen.update(account.naming(namespace, condition))
        yield max(len(seen), namespace.records) if number in whole else len(seen)


def _of_all(questions: Sequence[Question], owner: UUID | None) -> Iterator[dict[str, Any]]:
    """What metadata may not say of anybody: where they do not, they say it of none of several."""
    for is_anothers in (False, True):
        yield from _conditions(
            [one for one in questions if is_anothers == (owner not in (None, one.tenant_id))], is_anothers
        )


def _owner(namespace: str) -> UUID | None:
    found = set(ids_in(namespace))
    return UUID(found.pop()) if len(found) == 1 else None


def _document(vector: str) -> str:
    return vector.partition("#")[0].replace("-", "").lower()


def _held(question: Question, owner: UUID, documents: set[str]) -> set[str]:
    """Those of the documents that another tenant has as well: an id may be its owner's choice."""
    with opened(question.region) as db:
        return {one.hex for (one,) in db.execute(HELD, [owner, [UUID(one) for one in documents]])}


def _conditions(questions: Sequence[Question], is_anothers: bool) -> Iterator[dict[str, Any]]:
    """What metadata may not say any more, of vectors that were made of anything derived."""
    users = [str(one.user_id) for one in questions if one.user_id]
    said = [] if is_anothers else [str(document) for one in questions for document in one.documents]
    for key, wanted in (("user_id", users), ("document_id", said)):
        for start in range(0, len(wanted), SOME):
            yield {key: {"$in": wanted[start : start + SOME]}}


def _documents(question: Question) -> frozenset[str]:
    """The documents sought, as 32 hex digits: those of the question, and of a tenant those of the manifest."""
    if question.kind != "tenant":
        return subject_of(question)
    with opened(question.region) as db:
        if not was_listed(db, question.request_id):
            return frozenset()
        rows = db.execute(DOCUMENTS, [question.request_id, codes("postgres", question.region)])
        return frozenset(UUID(one).hex for (one,) in rows)
