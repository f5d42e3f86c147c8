"""Logs of a region: the tenant's group, and every other group that names somebody in clear."""

from typing import Any
from uuid import UUID

from . import aws, groups
from .answering import Seen, answer, ids_in
from .looking import Answer, Question
from .manifest import Manifest

QUERY = (
    "DescribeLogGroups; of a group with the tenant's id in its name every stream, and of a person every event that"
    " names the person; of groups that are no tenant's every event that names the tenant or the person"
)


class Logs:
    """Counts streams of a tenant, and events that name a person."""

    name = "logs"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look(self, question: Question) -> Answer:
        return answer(self.name, aws.key_id(question.region), QUERY, lambda: self._look(question))

    def _look(self, question: Question) -> Seen:
        logs = aws.client(question.region, "logs", self._patience)
        manifest, seen = Manifest(question.region, question.request_id, self.name), Seen()
        for group in groups.names(logs):
            seen.by[group] += _found(logs, group, question, manifest)
        seen.listed = manifest.listed
        return seen


def _found(logs: Any, group: str, question: Question, manifest: Manifest) -> int:
    named = set(ids_in(group))
    if question.tenant_id.hex in named:
        return _of_tenant(logs, group, question, manifest)
    return 0 if named else groups.naming(logs, group, _sought(question))


def _of_tenant(logs: Any, group: str, question: Question, manifest: Manifest) -> int:
    """A group that still stands counts, with or without streams."""
    streams = list(groups.streams(logs, group))
    for stream in streams:
        manifest.look(f"{group}/{stream}")
    manifest.look(group)
    return max(1, len(streams)) if question.kind == "tenant" else groups.naming(logs, group, _sought(question))


def _sought(question: Question) -> list[UUID]:
    """Whom events may not name. Documents' ids in them name nobody once the documents are gone."""
    if question.kind == "tenant":
        return [question.tenant_id]
    return [question.user_id] if question.user_id else []
