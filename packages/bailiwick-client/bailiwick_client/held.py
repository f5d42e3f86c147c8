"""What one process knows of the registry. Every piece has a version, and only a newer one replaces it."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from .snapshot import Configuration, Malformed, Snapshot, Standing


class Held:
    """Thread-safe; `admitted` is read without the lock, and is replaced entry by entry."""

    def __init__(self) -> None:
        self.admitted: dict[str, Snapshot] = {}
        self.configurations: dict[str, Configuration] = {}
        self.standings: dict[str, Standing] = {}
        self._changed = threading.Condition()

    def take(self, configurations: Iterable[Configuration] = (), standings: Iterable[Standing] = ()) -> None:
        """Take in what is newer than what is held; older news changes nothing, in whatever order it comes."""
        with self._changed:
            for new in configurations:
                old = self.configurations.get(new.tenant_id)
                if old is None or old.version < new.version:
                    self.configurations[new.tenant_id] = new
                    self._admit(new.tenant_id)
            for one in standings:
                known = self.standings.get(one.tenant_id)
                # an equal version is taken too: a tenant that was never changed has none
                if known is None or known.version <= one.version:
                    self.standings[one.tenant_id] = one
                    self._admit(one.tenant_id)
            self._changed.notify_all()

    def beyond(self, tenant_id: str, epoch: int, seconds: float) -> Configuration | None:
        """The configuration at a newer routing epoch, as soon as it is taken in; None when that takes longer."""

        def newer() -> Configuration | None:
            known = self.configurations.get(tenant_id)
            return known if known is not None and known.routing_epoch > epoch else None

        with self._changed:
            return self._changed.wait_for(newer, seconds)

    def _admit(self, tenant_id: str) -> None:
        standing, configuration = self.standings.get(tenant_id), self.configurations.get(tenant_id)
        if standing is not None and configuration is not None and standing.servable:
            self.admitted[tenant_id] = Snapshot.joined(configuration, standing)
        else:
            self.admitted.pop(tenant_id, None)


class News:
    """The portal's answer: what is new, and the versions up to which it is complete."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise Malformed("the answer is not an object")
        self.status_version = _number(data, "status_version")
        self.config_version = _number(data, "config_version")
        self.configurations = [Configuration.of(one) for one in _list(data, "configurations")]
        self.standings = [Standing.of(one) for one in _list(data, "standings")]


def _number(data: Mapping[str, Any], field: str) -> int:
    value = data.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"{field} is missing or of the wrong type")
    return value


def _list(data: Mapping[str, Any], field: str) -> list[Any]:
    value = data.get(field)
    if not isinstance(value, list):
        raise Malformed(f"{field} is missing or of the wrong type")
    return value
