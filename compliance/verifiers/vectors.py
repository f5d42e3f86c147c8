"""Vectors of a region: the rows of pgvector, and everything in its Pinecone account."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from .answering import Seen, answer, ids_in, subject_of
from .database import CREDENTIAL, opened
from .looking import Answer, Question
from .manifest import Manifest, codes, was_listed
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


class Vectors:
    """Counts rows of vectors in one snapshot, and takes a census of Pinecone where the region has it."""

    name = "vectors"

    def __init__(self, patience: float = 20.0) -> None:
        self._patience = patience

    def look(self, question: Question) -> Answer:
        keys = [CREDENTIAL] + (["the read-only key of Pinecone"] if question.region.pinecone else [])
        return answer(self.name, ", ".join(keys), QUERY, lambda: self._look(question))

    def _look(self, question: Question) -> Seen:
        seen = counted(question, self.name, lambda table: table.is_vectors) if question.region.has_pgvector else Seen()
        if question.region.pinecone is None:
            return seen
        manifest, documents = Manifest(question.region, question.request_id, self.name), _documents(question)
        with Account(question.region, self._patience) as account:
            for namespace in account.namespaces():
                seen.by[f"{namespace.index}/{namespace.name}"] += _census(
                    account, namespace, question, documents, manifest
                )
        if manifest.listed is not None:
            seen.listed = (seen.listed or 0) + manifest.listed
        seen.query = f"{seen.query};\n{QUERY}"
        return seen


def _census(
    account: Account, namespace: Namespace, question: Question, documents: frozenset[str], manifest: Manifest
) -> int:
    """How many vectors of the subject are in one namespace: all of a tenant's own, elsewhere those of its documents."""
    owner = _owner(namespace.name)
    everything = question.kind == "tenant" and owner == question.tenant_id
    found = set()
    for vector in account.ids(namespace):
        if everything or _document(vector) in documents:
            found.add(vector)
        manifest.look(f"pinecone:{namespace.name}/{vector}")
    is_anothers = owner not in (None, question.tenant_id)
    if owner and is_anothers and found:
        theirs = _held(question, owner, {_document(one) for one in found})
        found = {one for one in found if _document(one) not in theirs}
    for condition in _conditions(question, is_anothers):
        found.update(account.naming(namespace, condition))
    return max(len(found), namespace.records) if everything else len(found)


def _owner(namespace: str) -> UUID | None:
    found = set(ids_in(namespace))
    return UUID(found.pop()) if len(found) == 1 else None


def _document(vector: str) -> str:
    return vector.partition("#")[0].replace("-", "").lower()


def _held(question: Question, owner: UUID, documents: set[str]) -> set[str]:
    """Those of the documents that another tenant has as well: an id may be its owner's choice."""
    with opened(question.region) as db:
        return {one.hex for (one,) in db.execute(HELD, [owner, [UUID(one) for one in documents]])}


def _conditions(question: Question, is_anothers: bool) -> Iterator[dict[str, Any]]:
    """What metadata may not say any more, of vectors that were made of anything derived."""
    if question.user_id:
        yield {"user_id": {"$eq": str(question.user_id)}}
    said = [] if is_anothers else [str(one) for one in question.documents]
    for start in range(0, len(said), SOME):
        yield {"document_id": {"$in": said[start : start + SOME]}}


def _documents(question: Question) -> frozenset[str]:
    """The documents sought, as 32 hex digits: those of the question, and of a tenant those of the manifest."""
    if question.kind != "tenant":
        return subject_of(question)
    with opened(question.region) as db:
        if not was_listed(db, question.request_id):
            return frozenset()
        rows = db.execute(DOCUMENTS, [question.request_id, codes("postgres", question.region)])
        return frozenset(UUID(one).hex for (one,) in rows)
