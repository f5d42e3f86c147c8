"""Vectors that lie beside the rows: every one of the tenant's namespace with its id, numbers and metadata.

The service keeps no snapshots. Its count before and after says whether somebody wrote meanwhile; then it is read anew.
"""

import json
from typing import Any

from compliance.verifiers.answering import NotChecked
from compliance.verifiers.pinecone import Account
from lifecycle.migration.engine.move import Held
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.vectors import pinecone
from portal.lib.regions import Region

from .place import SYSTEM, Place
from .writing import Beat, Written, opened

PATH = "vectors/pinecone.jsonl"
NAMED, PATIENCE = 100, 20.0


def dump(place: Place, attempt: str, held: Held, beat: Beat) -> Written:
    """Write every vector of the namespace; Transient when it changed while it was read."""
    account = place.region.pinecone
    if account is None:
        raise Permanent(SYSTEM, "export vectors", f"{place.region.name} has no {held.provider}")
    index, before = pinecone.opened(account, held.index or pinecone.INDEX), counted(place.region, held)
    with opened(place, attempt, PATH, beat) as file:
        token = None
        while True:
            with pinecone.called(account, "list vectors"):
                page = index.list_paginated(
                    namespace=held.namespace, limit=NAMED, pagination_token=token, timeout=pinecone.TIMEOUT
                )
            for text in _lines(account, index, held, [str(one.id) for one in page.vectors]):
                file.line(text)
            beat()
            token = page.pagination.next if page.pagination else None
            if not token:
                break
        done = file.close()
    if (before, done.lines) != (counted(place.region, held), before):
        raise Transient(
            SYSTEM, "export vectors", f"{before} vectors were counted, {done.lines} read: written meanwhile"
        )
    return done


def counted(region: Region, held: Held) -> int:
    """How many vectors the namespace holds, by the verifiers' own key and protocol."""
    try:
        with Account(region, PATIENCE) as account:
            found = [one.records for one in account.namespaces() if (one.index, one.name) == _named(held)]
    except NotChecked as error:
        raise Permanent(SYSTEM, "count vectors", str(error)) from error
    return sum(found)


def _named(held: Held) -> tuple[str, str]:
    return held.index or pinecone.INDEX, held.namespace


def _lines(account: Any, index: Any, held: Held, ids: list[str]) -> list[str]:
    if not ids:
        return []
    with pinecone.called(account, "fetch vectors"):
        found = index.fetch(ids=ids, namespace=held.namespace, timeout=pinecone.TIMEOUT).vectors
    return [
        json.dumps({"id": one, "values": list(found[one].values), "metadata": dict(found[one].metadata or {})})
        for one in ids
        if one in found
    ]
