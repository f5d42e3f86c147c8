"""Weaviate over REST: a tenant of one multi-tenant collection is the namespace."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from lifecycle.stores import throttle
from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.vectors.store import NamespaceState

SYSTEM = "vectors"
COLLECTION = "RagChunk"


@dataclass(frozen=True)
class WeaviateAccount:
    """A Weaviate and its key."""

    url: str
    api_key: str = field(repr=False)


class Weaviate:
    """One Weaviate as a vector store."""

    provider = "weaviate"

    def __init__(self, account: WeaviateAccount, index: str = "") -> None:
        self.account, self.index = account, index or COLLECTION

    def ensure(self, names: TenantNames) -> NamespaceState:
        """Make the collection where it is missing, multi-tenant, and in it the tenant."""
        if self._call("GET", f"/v1/schema/{self.index}", absent=True) is None:
            made = {"class": self.index, "vectorizer": "none", "multiTenancyConfig": {"enabled": True}}
            self._call("POST", "/v1/schema", json=made)
        if self._tenant(names) is None:
            self._call("POST", f"/v1/schema/{self.index}/tenants", json=[{"name": names.namespace}])
        state = self.read(names)
        if state is None:
            raise Transient(SYSTEM, "create tenant", f"{names.namespace} is not listed yet")
        return state

    def read(self, names: TenantNames) -> NamespaceState | None:
        found = self._tenant(names)
        if found is None:
            return None
        about = self._call("GET", f"/v1/schema/{self.index}", absent=True) or {}
        isolated = about.get("multiTenancyConfig", {}).get("enabled") is True
        wrong = [] if isolated else ["the collection is not multi-tenant"]
        if found.get("activityStatus", "HOT") not in ("HOT", "ACTIVE"):
            wrong.append(f"the tenant is {found['activityStatus']}")
        return NamespaceState("weaviate", names.namespace, self.index, self._count(names), "; ".join(wrong))

    def empty(self, names: TenantNames) -> None:
        """Delete the tenant's objects by removing and making the tenant anew, which is how Weaviate drops a shard."""
        if self._tenant(names) is not None:
            self._delete(names)
            self.ensure(names)

    def remove(self, names: TenantNames) -> bool:
        """Remove the empty tenant."""
        state = self.read(names)
        if state is None:
            return False
        if state.vectors:
            raise Permanent(SYSTEM, "delete tenant", f"{names.namespace} still holds {state.vectors} vectors")
        self._delete(names)
        return True

    def _delete(self, names: TenantNames) -> None:
        self._call("DELETE", f"/v1/schema/{self.index}/tenants", json=[names.namespace])

    def _tenant(self, names: TenantNames) -> dict[str, Any] | None:
        found = self._call("GET", f"/v1/schema/{self.index}/tenants", absent=True) or []
        return next((dict(one) for one in found if one["name"] == names.namespace), None)

    def _count(self, names: TenantNames) -> int:
        asked = f'{{Aggregate{{{self.index}(tenant:"{names.namespace}"){{meta{{count}}}}}}}}'
        said = self._call("POST", "/v1/graphql", json={"query": asked})
        if said.get("errors"):
            raise Permanent(SYSTEM, "count", str(said["errors"][0].get("message", "")))
        return int(said["data"]["Aggregate"][self.index][0]["meta"]["count"])

    def _call(self, method: str, path: str, *, json: Any = None, absent: bool = False) -> Any:
        """Return the answer's JSON; None for a 404 where the caller allows one."""
        operation = f"{method} {path}"
        bucket = throttle.throttle("weaviate", self.account.url)
        bucket.take()
        try:
            answer = httpx.request(
                method,
                self.account.url + path,
                json=json,
                headers={"Authorization": f"Bearer {self.account.api_key}"},
                timeout=httpx.Timeout(15.0, connect=3.0),
            )
        except httpx.HTTPError as error:
            raise Transient(SYSTEM, operation, str(error)) from error
        if absent and answer.status_code == 404:
            return None
        if answer.status_code == 429 or answer.status_code >= 500:
            wait = throttle.retry_after(answer.headers.get("Retry-After"))
            bucket.back_off(wait)
            raise Transient(SYSTEM, operation, answer.text, retry_after=wait)
        if answer.is_error:
            raise Permanent(SYSTEM, operation, f"{answer.status_code}: {answer.text}")
        return answer.json() if answer.content else {}
