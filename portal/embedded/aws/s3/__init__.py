"""S3 in path style: buckets, versions, markers, multipart uploads, Object Lock, encryption, policies."""

from .routes import call
from .schema import SCHEMA, known_blobs

__all__ = ["SCHEMA", "call", "known_blobs"]
