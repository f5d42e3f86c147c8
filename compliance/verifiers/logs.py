"""Logs of a region: the tenant's group, and every other group that names somebody in clear."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from portal.lib.streams import beneath, own_group, part_of

from . import aws, groups
from .answering import Seen, answers, ids_in
from .looking import Answer, Question, Together
from .manifest import Manifests

QUERY = (
    "DescribeLogGroups; of a group with the tenant's id in its name every stream, and of a person every event that"
    " names the person; of groups that are no tenant's every event that names the tenant or the person"
)


class Logs(Together):
    """Counts streams of a tenant, and events that name a person."""

    name = "logs"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        key = aws.key_id(questions[0].region)
        return answers(self.name, key, QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen]:
        logs = aws.client(questions[0].region, "logs", self._patience)
        manifests, seen = Manifests(questions, self.name), [Seen() for _ in questions]
        for group in groups.names(logs):
            named = set(ids_in(group))
            ours = [number for number, one in enumerate(questions) if not named or one.tenant_id.hex in named]
            streams = _streams(logs, group, manifests) if named and ours else []
            lines = groups.naming(logs, group, {id_ for number in ours for id_ in _lines_of(questions[number], named)})
            for number in ours:
                one = questions[number]
                seen[number].by[group] += sum(lines[id_] for id_ in _lines_of(one, named))
                if named and one.kind == "tenant":
                    self._count(seen[number], one, group, streams)
        for number, what in enumerate(seen):
            what.listed = manifests.listed(number)
        return seen

    def _count(self, seen: Seen, question: Question, group: str, streams: list[str]) -> None:
        """Each stream, or the group that still stands without any; what a law keeps of them apart."""
        place = beneath(own_group(question.region.name, question.tenant_id), group)
        parts = question.kept_of(self.name)
        for part, number in Counter(part_of(parts, place, one) for one in streams or [""]).items():
            where, by = (seen.kept, f"{self.name}/{part}") if part else (seen.by, group)
            where[by] += number


def _streams(logs: Any, group: str, manifests: Manifests) -> list[str]:
    streams = list(groups.streams(logs, group))
    for stream in streams:
        manifests.look(f"{group}:{stream}")
    manifests.look(group)
    return streams


def _lines_of(question: Question, named: set[str]) -> list[UUID]:
    """Whom lines of a group may not name; of a tenant whose whole group goes its own lines are not asked for."""
    return [] if named and question.kind == "tenant" else _sought(question)


def _sought(question: Question) -> list[UUID]:
    """Whom events may not name. Documents' ids in them name nobody once the documents are gone."""
    if question.kind == "tenant":
        return [question.tenant_id]
    return [question.user_id] if question.user_id else []
