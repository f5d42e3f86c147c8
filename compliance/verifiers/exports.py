"""Exports of a region: what lies there for a tenant to be received, whole files and uploads that never ended."""

import os

from . import aws, buckets
from .answering import Seen, answer
from .looking import Answer, Question

QUERY = "ListBuckets; ListObjectVersions and ListMultipartUploads of the bucket of exports, by the tenant's id"
PREFIX = os.environ.get("BAILIWICK_EXPORT_BUCKET") or "bailiwick-exports"


def bucket_of(region: str) -> str:
    """The bucket of a region's exports: its data stay in the region."""
    return f"{PREFIX}-{region}"


class Exports:
    """Counts files of any export of the tenant, whomever an erasure is about: each may hold a copy of what goes."""

    name = "exports"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look(self, question: Question) -> Answer:
        return answer(self.name, aws.key_id(question.region), QUERY, lambda: self._look(question))

    def _look(self, question: Question) -> Seen:
        s3, seen = aws.client(question.region, "s3", self._patience), Seen()
        bucket = bucket_of(question.region.name)
        if bucket in buckets.names(s3, question.region):
            seen.by[bucket] = sum(1 for _ in buckets.records(s3, bucket, f"{question.tenant_id}/"))
        return seen
