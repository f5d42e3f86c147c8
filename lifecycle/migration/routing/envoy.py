"""An Envoy whose route has `weighted_clusters` with a `runtime_key_prefix`: its admin interface changes the weights.

Envoy reads the weight of a cluster from the runtime key `<prefix>.<cluster>`; the total has to be 100.
"""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from lifecycle.stores.errors import Permanent, Transient

from .split import Intended, Served, Side, require_hundredths, require_left, require_set, share

SYSTEM = "envoy"
SECONDS = 5.0


@dataclass(frozen=True)
class Envoy:
    """The split of one route. It lasts until the process ends: who starts a new one sets it again."""

    admin_url: str
    prefix: str
    blue: str
    green: str

    def read(self) -> Intended:
        """The weights as the runtime's last layer has them."""
        entries = self._json("GET", "/runtime", format="json").get("entries", {})
        blue, green = (self._weight(entries, cluster) for cluster in (self.blue, self.green))
        return Intended(share(SYSTEM, blue, green))

    def set(self, green: int) -> Intended:
        """Weigh both clusters in one request; a layer above that says otherwise is found by reading back."""
        require_hundredths(SYSTEM, green)
        weights = {f"{self.prefix}.{self.blue}": str(100 - green), f"{self.prefix}.{self.green}": str(green)}
        self._ask("POST", "/runtime_modify", weights)
        return require_set(SYSTEM, self.read(), green)

    def stands(self, side: Side) -> str:
        """Nothing: a cluster is part of Envoy's own configuration; without its key the weight in there would hold."""
        return ""

    def remove(self, side: Side) -> None:
        """See that the side's weight is 0, at which it stays."""
        found = self.read().green
        require_left(SYSTEM, side, *((100 - found, found) if side == "blue" else (found, 100 - found)))

    def served(self) -> Served:
        """Requests sent to each cluster since the process began; two readings are compared."""
        wanted = "|".join(re.escape(cluster) for cluster in (self.blue, self.green))
        found = self._json("GET", "/stats", format="json", filter=rf"^cluster\.({wanted})\.upstream_rq_total$")
        counted = {one.get("name"): int(one.get("value", 0)) for one in found.get("stats", [])}
        return Served(*(counted.get(f"cluster.{cluster}.upstream_rq_total", 0) for cluster in (self.blue, self.green)))

    def _weight(self, entries: dict[str, Any], cluster: str) -> int:
        key = f"{self.prefix}.{cluster}"
        try:
            return int(entries[key]["final_value"])
        except (KeyError, TypeError, ValueError) as error:
            raise Permanent(SYSTEM, "read", f"the runtime has no weight under {key}") from error

    def _json(self, method: str, path: str, **parameters: str) -> dict[str, Any]:
        try:
            return dict(self._ask(method, path, parameters).json())
        except (ValueError, TypeError) as error:
            raise Permanent(SYSTEM, path, "the answer is not JSON") from error

    def _ask(self, method: str, path: str, parameters: dict[str, str]) -> httpx.Response:
        try:
            answer = httpx.request(method, self.admin_url + path, params=parameters, timeout=SECONDS, trust_env=False)
        except httpx.HTTPError as error:
            raise Transient(SYSTEM, path, type(error).__name__) from error
        if not answer.is_success:  # 503 as well: it is how Envoy says that there is no admin layer
            raise Permanent(SYSTEM, path, f"{answer.status_code}: {answer.text[:200]}")
        return answer
