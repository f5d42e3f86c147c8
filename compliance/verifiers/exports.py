"""Exports of a region: what lies there for a tenant to be received, whole files and uploads that never ended."""

import os
from collections import Counter
from collections.abc import Sequence

from . import aws, buckets
from .answering import Seen, answers
from .looking import Answer, Question, Together

QUERY = "ListBuckets; ListObjectVersions and ListMultipartUploads of the bucket of exports, by the tenant's id"
PREFIX = os.environ.get("BAILIWICK_EXPORT_BUCKET") or "bailiwick-exports"


def bucket_of(region: str) -> str:
    """The bucket of a region's exports: its data stay in the region."""
    return f"{PREFIX}-{region}"


class Exports(Together):
    """Counts files of any export of the tenant, whomever an erasure is about: each may hold a copy of what goes."""

    name = "exports"

    def __init__(self, patience: float = aws.PATIENCE) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        key = aws.key_id(questions[0].region)
        return answers(self.name, key, QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen]:
        region = questions[0].region
        s3, bucket = aws.client(region, "s3", self._patience), bucket_of(region.name)
        found = dict.fromkeys((one.tenant_id for one in questions), Seen())
        if bucket in buckets.names(s3, region):
            for tenant_id in found:
                there = sum(1 for _ in buckets.records(s3, bucket, f"{tenant_id}/"))
                found[tenant_id] = Seen(Counter({bucket: there}))
        return [found[one.tenant_id] for one in questions]
