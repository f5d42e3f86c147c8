"""Vectors in a Pinecone namespace, deleted by the ids that were listed; settled by the positions of the index's log."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import httpx
from pinecone import errors

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.throttle import looking
from lifecycle.stores.vectors import pinecone
from lifecycle.stores.vectors.pinecone import DIMENSION, INDEX, SYSTEM, TIMEOUT
from portal.lib.regions import Region

from .asking import batches, listed, remove_listed, still_ours
from .target import Alive, Target
from .trying import shown, tried

MOST = 1000  # ids of one call that deletes
NAMED = 100  # documents of one filter, ids of one page
T = TypeVar("T")


class PineconeVectors:
    """The tenant's namespace of one region that has Pinecone; ids are `pinecone:namespace/vector-id`."""

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        if region.pinecone is None:
            raise Permanent(SYSTEM, "choose", f"{region.name} has no pinecone")
        self.region, self.account = region, region.pinecone
        self._position: int | None = None  # in the log, of the last deletion; None: not known to this process

    def ids(self, target: Target) -> Iterator[str]:
        """Of documents by the prefix of their vectors' ids; of metadata too, for vectors made of anything derived."""
        name = _namespace(target)
        if self._described(target) is None:
            return
        found = self._listed(target, "") if target.is_whole_tenant else self._concerning(target)
        yield from (f"pinecone:{name}/{one}" for one in found)

    def erase(self, target: Target, alive: Alive) -> int:
        """Of a whole tenant the namespace goes as well, unless it holds what was not listed."""
        self._position = 0
        before = f"pinecone:{_namespace(target)}/"
        gone = remove_listed(
            *(self.region, target, SYSTEM, partial(self._remove, target, before), alive),
            size=MOST,
            wanted=lambda one: one.startswith(before),
        )
        if target.is_whole_tenant and self._described(target) is not None:
            self._reach(target)
            if next(self._listed(target, ""), None) is None:
                self._drop(target, alive)
        return gone

    def settle(self, target: Target) -> None:
        """A search is answered from the last deletion's position or later. One that nobody here knows is made again."""
        if self._described(target) is None:
            return
        if self._position is None:
            self._repeat(target)
        self._reach(target)

    def _repeat(self, target: Target) -> None:
        """Delete one of the listed vectors again: the log is in order, so that write's position is behind them all."""
        before = f"pinecone:{_namespace(target)}/"
        ours = (one for one in listed(self.region, target, SYSTEM) if one.startswith(before))
        for one in islice(ours, 1):
            with looking(lambda: still_ours(self.region, target, "delete vectors")):
                tried(partial(self._remove, target, before, [one]))

    def _remove(self, target: Target, before: str, batch: list[str]) -> int:
        """The SDK keeps the answer's position to itself, so this one call is made without it."""
        index, ids = self._index(target), [one.removeprefix(before) for one in batch]
        headers = {"Api-Key": self.account.api_key, "X-Pinecone-Api-Version": "2025-10"}
        body = {"ids": ids, "namespace": _namespace(target)}
        with pinecone.called(self.account, "delete vectors"):
            try:
                answer = httpx.post(f"{index.host}/vectors/delete", json=body, headers=headers, timeout=TIMEOUT)
            except httpx.HTTPError as error:
                raise Transient(SYSTEM, "delete vectors", str(error)) from error
        if answer.status_code == 404:  # the namespace is gone, and with it all that was listed
            return len(batch)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Transient(SYSTEM, "delete vectors", f"{answer.status_code}: {answer.text}")
        if answer.is_error:
            raise Permanent(SYSTEM, "delete vectors", f"{answer.status_code}: {answer.text}")
        self._position = max(self._position or 0, _position_in(answer))
        return len(batch)

    def _reach(self, target: Target) -> None:
        """Return once a search is answered from the position of the last deletion."""
        wanted, probe = self._position or 0, [1.0] + [0.0] * (self._dimension(target) - 1)

        def reached() -> bool:
            answer = self._call("settle", self._index(target).query, target, vector=probe, top_k=1)
            position = answer.response_info.lsn_reconciled if answer.response_info else None
            return position is not None and position >= wanted

        if wanted:
            shown(reached, SYSTEM, f"no search is answered from position {wanted} of the log")

    def _drop(self, target: Target, alive: Alive) -> None:
        """Delete the namespace, once it counts nothing any more; returns when it is not listed."""
        name = _namespace(target)

        def drop() -> None:
            alive(0)
            asked = looking(lambda: still_ours(self.region, target, "delete namespace"))
            index = pinecone.opened(self.account, target.vector_index or INDEX, retries=0)  # a retry asks again
            try:
                with asked, pinecone.called(self.account, "delete namespace"):
                    index.delete_namespace(name=name, timeout=TIMEOUT)
            except Permanent as error:
                if not isinstance(error.__cause__, errors.NotFoundError):
                    raise

        shown(lambda: not getattr(self._described(target), "record_count", 0), SYSTEM, f"{name} still counts vectors")
        tried(drop)
        shown(lambda: self._described(target) is None, SYSTEM, f"{name} is still listed")

    def _concerning(self, target: Target) -> Iterator[str]:
        """The vectors of the documents, and those whose metadata name the person or one of the documents."""
        ours = {one.hex for one in target.documents}
        for document in target.documents:
            yield from self._listed(target, f"{document.hex}#")
        seen = set[str]()
        for condition in _conditions(target):
            for one in self._meeting(target, condition):
                if one.partition("#")[0] not in ours and one not in seen:
                    seen.add(one)
                    yield one

    def _listed(self, target: Target, prefix: str) -> Iterator[str]:
        list_page = partial(self._index(target).list_paginated, prefix=prefix or None, limit=NAMED)
        for page in self._pages("list vectors", target, list_page):
            yield from (str(one.id) for one in page.vectors)

    def _meeting(self, target: Target, condition: dict[str, Any]) -> Iterator[str]:
        fetch_page = partial(self._index(target).fetch_by_metadata, filter=condition, limit=NAMED)
        for page in self._pages("look at metadata", target, fetch_page):
            yield from map(str, page.vectors)

    def _pages(self, operation: str, target: Target, page_of: Callable[..., Any]) -> Iterator[Any]:
        token = None
        while True:
            page = self._call(operation, page_of, target, pagination_token=token)
            yield page
            token = page.pagination.next if page.pagination else None
            if not token:
                return

    def _described(self, target: Target) -> Any:
        """The namespace as it is, or None where it or its index is not there."""
        try:
            with pinecone.called(self.account, "describe namespace"):
                return self._index(target).describe_namespace(name=_namespace(target))
        except Permanent as error:
            if isinstance(error.__cause__, errors.NotFoundError):
                return None
            raise

    def _dimension(self, target: Target) -> int:
        shape = pinecone.Pinecone(self.region, self.account, target.vector_index).shape()
        return shape[0] if shape else DIMENSION

    def _call(self, operation: str, call: Callable[..., T], target: Target, **arguments: Any) -> T:
        with pinecone.called(self.account, operation):
            return call(namespace=_namespace(target), timeout=TIMEOUT, **arguments)

    def _index(self, target: Target) -> Any:
        return pinecone.opened(self.account, target.vector_index or INDEX)


def _namespace(target: Target) -> str:
    return target.vector_namespace or target.names.namespace


def _conditions(target: Target) -> Iterator[dict[str, Any]]:
    if target.user_id:
        yield {"user_id": str(target.user_id)}
    for some in batches(map(str, target.documents), NAMED):
        yield {"document_id": {"$in": some}}


def _position_in(answer: httpx.Response) -> int:
    """Where in the log the write landed, under the name that the service or the one before it uses."""
    for name in ("x-pinecone-lsn-committed", "x-pinecone-request-lsn"):
        if answer.headers.get(name, "").isdigit():
            return int(answer.headers[name])
    raise Permanent(SYSTEM, "delete vectors", "the answer names no position, so nothing could say when it has settled")
