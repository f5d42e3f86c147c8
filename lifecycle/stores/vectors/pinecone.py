"""Pinecone: a tenant's namespace in the region's one serverless index, through Pinecone's own SDK."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pinecone
from pinecone import errors

from lifecycle.stores import throttle
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from lifecycle.stores.vectors.store import NamespaceState
from portal.lib.regions import Pinecone as Account
from portal.lib.regions import Region

SYSTEM = "vectors"
INDEX = "rag"
DIMENSION = 256
SETTLE_SECONDS = 20.0
TIMEOUT = 15.0


class Pinecone:
    """One Pinecone account as a vector store of one region."""

    provider = "pinecone"

    def __init__(self, region: Region, account: Account, index: str = "") -> None:
        self.region, self.account, self.index = region, account, index or INDEX

    def ensure(self, names: TenantNames) -> NamespaceState:
        """Make the region's index where it is missing, and in it the tenant's namespace."""
        with self._called("create namespace"):
            if not _client(self.account).has_index(self.index):
                self._create_index()
            if self._describe(names.namespace) is None:
                try:
                    self._open().create_namespace(name=names.namespace)
                except errors.ConflictError:
                    pass  # made by an interrupted run, or at the same time
            _settled(lambda: self._describe(names.namespace) is not None, "the new namespace is not listed")
        state = self.read(names)
        if state is None:
            raise Transient(SYSTEM, "create namespace", f"{names.namespace} is gone again")
        return state

    def read(self, names: TenantNames) -> NamespaceState | None:
        with self._called("describe namespace"):
            if not _client(self.account).has_index(self.index):
                return None
            found = self._describe(names.namespace)
        if found is None:
            return None
        return NamespaceState("pinecone", names.namespace, self.index, int(found.record_count or 0))

    def shape(self) -> tuple[int, str] | None:
        """Dimension and metric of the index; None where there is none."""
        with self._called("describe index"):
            client = _client(self.account)
            if not client.has_index(self.index):
                return None
            found = client.describe_index(self.index)
        return int(found.dimension or 0), str(found.metric)

    def empty(self, names: TenantNames) -> None:
        """Delete every vector and wait until the namespace counts none."""
        if self.read(names) is None:
            return
        with self._kept_out(names, "delete vectors"), self._called("delete vectors"):
            self._deleting().delete(delete_all=True, namespace=names.namespace, timeout=TIMEOUT)
            _settled(lambda: self._count(names.namespace) == 0, "vectors are still counted")

    def remove(self, names: TenantNames) -> bool:
        """Remove the empty namespace and wait until it is no longer listed."""
        state = self.read(names)
        if state is None:
            return False
        if state.vectors:
            raise Permanent(SYSTEM, "delete namespace", f"{names.namespace} still holds {state.vectors} vectors")
        with self._kept_out(names, "delete namespace"), self._called("delete namespace"):
            try:
                self._deleting().delete_namespace(name=names.namespace, timeout=TIMEOUT)
            except errors.NotFoundError:
                pass
            _settled(lambda: self._describe(names.namespace) is None, "the namespace is still listed")
        return True

    def _create_index(self) -> None:
        where = {"serverless": {"cloud": "aws", "region": self.region.name}}
        try:
            _client(self.account).create_index(name=self.index, dimension=DIMENSION, metric="cosine", spec=where)
        except errors.ConflictError:
            pass

    def _open(self) -> Any:
        return _client(self.account).index(self.index)

    def _kept_out(self, names: TenantNames, operation: str) -> AbstractContextManager[None]:
        """No call leaves while the region's own word is that the tenant is held."""
        return throttle.looking(lambda: fences.refuse_held(self.region, names.tenant_id, operation))

    def _deleting(self) -> Any:
        """The index by a client that does not try again by itself: after a pause a hold may stand."""
        return _client(self.account, 0).index(self.index)

    def _describe(self, namespace: str) -> Any:
        try:
            return self._open().describe_namespace(name=namespace)
        except errors.NotFoundError:
            return None

    def _count(self, namespace: str) -> int:
        found = self._describe(namespace)
        return 0 if found is None else int(found.record_count or 0)

    def _called(self, operation: str) -> AbstractContextManager[None]:
        return called(self.account, operation)


@contextmanager
def called(account: Account, operation: str, patience: float = 30.0) -> Iterator[None]:
    """One call within the account's rate; raises this house's errors instead of the SDK's."""
    bucket = throttle.throttle("pinecone", account.host)
    bucket.take(patience)
    try:
        yield
    except (errors.RateLimitError, errors.RateLimitException) as error:
        wait = throttle.retry_after(str(getattr(error, "retry_after", "") or ""))
        bucket.back_off(wait)
        raise Transient(SYSTEM, operation, str(error), retry_after=wait) from error
    except (errors.PineconeConnectionError, errors.PineconeTimeoutError, errors.ServiceError) as error:
        raise Transient(SYSTEM, operation, str(error)) from error
    except errors.PineconeError as error:
        raise Permanent(SYSTEM, operation, str(error)) from error


@functools.cache
def opened(account: Account, index: str, retries: int = 3) -> Any:
    """The index, ready for calls. Where it stands is asked of the account, which may be silent as well."""
    with called(account, "describe index"):
        return _client(account, retries).index(index)


@functools.cache
def _client(account: Account, retries: int = 3) -> pinecone.Pinecone:
    patience = pinecone.RetryConfig(max_retries=retries)
    return pinecone.Pinecone(api_key=account.api_key, host=account.host, timeout=TIMEOUT, retry_config=patience)


def _settled(shown: Callable[[], bool], complaint: str) -> None:
    """Return once the store shows it, asking with growing pauses; Transient when it does not in time."""
    deadline, pause = time.monotonic() + SETTLE_SECONDS, 0.02
    while not shown():
        if time.monotonic() > deadline:
            raise Transient(SYSTEM, "settle", complaint)
        time.sleep(pause)
        pause = min(pause * 2, 1.0)
