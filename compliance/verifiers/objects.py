"""Objects of a region's account: every bucket is looked into, whoever is said to own it."""

from collections.abc import Iterator
from typing import Any

from . import aws, buckets
from .answering import Seen, answer, names_any, subject_of
from .looking import Answer, Question
from .manifest import Manifest

QUERY = (
    "ListBuckets; of each GetBucketTagging; ListObjectVersions and ListMultipartUploads of every bucket that is the"
    " tenant's by tag or name, and of every other one with the tenant's id or the person's folder as prefix"
)


class Objects:
    """Counts versions, delete markers and open uploads."""

    name = "objects"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look(self, question: Question) -> Answer:
        return answer(self.name, aws.key_id(question.region), QUERY, lambda: self._look(question))

    def _look(self, question: Question) -> Seen:
        s3 = aws.client(question.region, "s3", self._patience)
        manifest = Manifest(question.region, question.request_id, self.name)
        seen, subject = Seen(), subject_of(question)
        for bucket, prefix in _places(s3, question):
            for key, record in buckets.records_there(s3, bucket, prefix):
                manifest.look(record)
                seen.by[bucket] += question.kind == "tenant" or names_any(key, subject)
        seen.listed = manifest.listed
        return seen


def _places(s3: Any, question: Question) -> Iterator[tuple[str, str]]:
    """Where to look: all of the tenant's buckets, and in others what begins with the tenant's id or the person's."""
    prefixes = [str(question.tenant_id), question.tenant_id.hex]
    prefixes += [f"users/{question.user_id}/"] if question.user_id else []
    for bucket in buckets.names(s3, question.region):
        owner = buckets.owner(s3, bucket)
        if owner is None:
            continue
        if owner == str(question.tenant_id) or (not owner and bucket in buckets_of(question)):
            yield bucket, ""
        else:
            yield from ((bucket, prefix) for prefix in prefixes)


def buckets_of(question: Question) -> tuple[str, str]:
    """The names that a tenant's bucket may have here, as its first one and as any other; its tags decide."""
    plain = f"rag-{question.tenant_name}-{question.tenant_id.hex[-8:]}"
    return plain, f"{plain}-{question.region.name}"
