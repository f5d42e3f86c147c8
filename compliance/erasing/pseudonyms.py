"""Keyed digests: of a request's subject under its own key, of open subjects, and of what restores look up."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from portal.lib.keys import read_or_create

from .models import Kind

LEDGER_KEY = "erasure_ledger_key"  # in the secrets directory: a copy of the database alone leads back to nobody


def new_key() -> bytes:
    return secrets.token_bytes(32)


def about(tenant_id: UUID, kind: str, user_id: UUID | None, documents: Iterable[UUID]) -> str:
    """Whom a request is about, spelt one way."""
    who = {
        Kind.TENANT: str(tenant_id),
        Kind.PERSON: str(user_id),
        Kind.DOCUMENT: ",".join(sorted(map(str, documents))),
    }
    return f"{kind}:{tenant_id}:{who[Kind(kind)]}"


def manifest_key(key: bytes) -> bytes:
    """The key of a request's manifests. It opens neither the request's pseudonyms nor its subject."""
    return hmac.new(key, b"bailiwick.erasure-manifest", hashlib.sha256).digest()


def subject_of(key: bytes, whom: str) -> str:
    """The name under which request and certificate know it; without the key it leads nowhere."""
    return hmac.new(key, whom.encode(), hashlib.sha256).hexdigest()


def fence_of(whom: str) -> str:
    """The same for every open request about the same, so that there is one."""
    return salted_hmac("compliance.erasing.open", whom, algorithm="sha256").hexdigest()


def ledger_digest(kind: str, tenant_id: UUID, key: UUID | None) -> str:
    """How the erasure ledger, and a restore that replays it, name one user or document of a tenant."""
    said = f"{kind}:{tenant_id}:{key or tenant_id}"
    return hmac.new(_ledger_key(), said.encode(), hashlib.sha256).hexdigest()


@cache
def _ledger_key() -> bytes:
    new = secrets.token_bytes(32) if settings.CREATE_SECRETS else None
    return read_or_create(settings.SECRETS_DIR / LEDGER_KEY, new)
