"""Objects of a region's account: every bucket is looked into, whoever is said to own it."""

from collections.abc import Iterator, Sequence
from typing import Any

from portal.lib.prefixes import narrowest

from . import aws, buckets
from .answering import Seen, Sought, answers
from .looking import Answer, Question, Together
from .manifest import Manifests

QUERY = (
    "ListBuckets; of each GetBucketTagging; ListObjectVersions and ListMultipartUploads of every bucket that is the"
    " tenant's by tag or name, and of every other one what has the tenant's id or the person's folder as prefix"
)


FOLDERS = "users/"
OWN = ""  # the prefix of a look into a bucket of the tenant's own: nothing that lies elsewhere is kept by a rule
Place = tuple[str, dict[str, set[int]]]  # a bucket, and for which questions what begins with these prefixes is meant


class Objects(Together):
    """Counts versions, delete markers and open uploads."""

    name = "objects"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        key = aws.key_id(questions[0].region)
        return answers(self.name, key, QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen]:
        s3 = aws.client(questions[0].region, "s3", self._patience)
        manifests, sought, seen = Manifests(questions, self.name), Sought(questions), [Seen() for _ in questions]
        whole = {number for number, one in enumerate(questions) if one.kind == "tenant"}
        for bucket, within in _places(s3, questions):
            for key, record in buckets.records_there(s3, bucket, next(iter(within)) if len(within) == 1 else ""):
                manifests.look(record)
                whose = set[int]().union(*(numbers for prefix, numbers in within.items() if key.startswith(prefix)))
                for number in whose & (whole | sought.named_in(key)):
                    part = narrowest(questions[number].kept_of(self.name), key) if OWN in within else ""
                    if part:
                        seen[number].kept[f"{bucket}/{part}"] += 1
                    else:
                        seen[number].by[bucket] += 1
        for number, one in enumerate(seen):
            one.listed = manifests.listed(number)
        return seen


def _places(s3: Any, questions: Sequence[Question]) -> Iterator[Place]:
    """Where to look, and for which: in a tenant's own buckets at all, elsewhere under its id, and the person's folder.

    Of a bucket that fits into one answer all is listed at once, of any other each prefix.
    """
    people = {_folder(one): number for number, one in enumerate(questions) if one.user_id}
    tenants: dict[Any, set[int]] = {}
    for number, one in enumerate(questions):
        tenants.setdefault(one.tenant_id, set()).add(number)
    for bucket in buckets.names(s3, questions[0].region):
        owner, rest, within = buckets.owner(s3, bucket), set(range(len(questions))), dict[str, set[int]]()
        if owner is None:
            continue
        for tenant_id, whose in tenants.items():
            one = questions[min(whose)]
            if owner == str(tenant_id) or (not owner and bucket in buckets_of(one)):
                yield bucket, {OWN: whose}
                rest -= whose
            else:
                within |= {str(tenant_id): whose, tenant_id.hex: whose}
        within |= {folder: {number} for folder, number in people.items() if number in rest}
        if within and buckets.is_short(s3, bucket):
            yield bucket, within
        else:
            yield from ((bucket, {prefix: numbers}) for prefix, numbers in within.items())


def _folder(question: Question) -> str:
    return f"{FOLDERS}{question.user_id}/"


def buckets_of(question: Question) -> tuple[str, str]:
    """The names that a tenant's bucket may have here, as its first one and as any other; its tags decide."""
    plain = f"rag-{question.tenant_name}-{question.tenant_id.hex[-8:]}"
    return plain, f"{plain}-{question.region.name}"
