"""The registry in the memory of one process, and reads of it that began after they were asked for.

A lease is only worth something if the read behind it began after the question arrived (D5). Questions that arrive
while a read is under way share the next one, so the database sees at most one read at a time from each process,
however many ask.
"""

import functools
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet

from portal.lib import standby
from tenants.models import StatusChange, Tenant

from . import publish
from .contents import Standing, Told, standings
from .models import Published

PATIENCE = 1.5  # a database that hangs may hold one thread of a process, and not those who come after it
FEW = 20  # tenants just made; where none was published yet, the schedule does it
NOW = "SELECT (SELECT value FROM tenants_statusversion), coalesce((SELECT max(version) FROM registry_published), 0)"


@dataclass(frozen=True)
class Configuration:
    """What is published of one tenant."""

    version: int
    told: Told


@dataclass(frozen=True)
class State:
    """The registry up to a status change and a publication, at least."""

    status_version: int = -1
    config_version: int = -1
    standings: Mapping[str, Standing] = field(default_factory=dict)
    configurations: Mapping[str, Configuration] = field(default_factory=dict)

    def snapshot(self, tenant_id: str) -> Told | None:
        """Both halves in one; None if there is no such tenant."""
        standing, configuration = self.standings.get(tenant_id), self.configurations.get(tenant_id)
        return configuration.told | standing.told() if standing and configuration else None

    def etag(self, tenant_id: str) -> str:
        standing, configuration = self.standings[tenant_id], self.configurations[tenant_id]
        return f'"{configuration.version}-{standing.version}-{standing.status}"'


class Mirror:
    """Thread-safe. `fresh` raises OperationalError while the database cannot be asked."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._begun = self._ended = 0
        self._state = State()

    def fresh(self) -> State:
        """The registry as of a read that began after this call."""
        before = self._begun
        if not self._reading.acquire(timeout=PATIENCE):
            raise OperationalError("the read under way does not end")
        try:
            if self._ended <= before:  # the read that ended last had begun before we came
                self._begun += 1
                self._state = _once_again(self._state)
                self._ended = self._begun
            return self._state
        finally:
            self._reading.release()

    def forget(self) -> None:
        """Read everything anew next time."""
        with self._reading:
            self._state = State()


@functools.cache
def mirror() -> Mirror:
    """The process's own."""
    return Mirror()


def _once_again(state: State) -> State:
    """Read; on a connection that turns out to be dead, once more on a new one."""
    try:
        return _proven(state)
    except (OperationalError, InterfaceError):
        connection.close()
        return _proven(state)


def _proven(held: State) -> State:
    """Read, then prove that this was the primary: what is told of it outlives it, and a replaced one tells nothing."""
    found = _read(held)
    standby.prove()
    return found


def _read(held: State) -> State:
    """The versions first: what commits between the statements is seen, and seen again."""
    with connection.cursor() as cursor:
        cursor.execute(NOW)
        status_version, config_version = cursor.fetchone()
    if (status_version, config_version) == (held.status_version, held.config_version):
        return held
    if status_version < held.status_version or config_version < held.config_version:
        held = State()  # another database than before: a restored one, or a replica that took over too early
    changed, published = _changes(held)
    if lacking := [one.tenant_id for one in changed if one.tenant_id not in {*held.configurations, *published}]:
        publish.number(lacking[:FEW])
        published |= _configurations(Published.objects.filter(pk__in=lacking))
    return State(
        status_version,
        config_version,
        {**held.standings, **{one.tenant_id: one for one in changed}},
        {**held.configurations, **published},
    )


def _changes(held: State) -> tuple[list[Standing], dict[str, Configuration]]:
    if not held.standings:
        return standings(), _configurations(Published.objects.all())
    published = _configurations(Published.objects.filter(version__gt=held.config_version))
    moved = StatusChange.objects.filter(version__gt=held.status_version).values("tenant_id")
    found = {*Tenant.objects.filter(pk__in=moved).values_list("pk", flat=True), *published}
    return standings(found), published


def _configurations(rows: QuerySet[Published] | Iterable[Published]) -> dict[str, Configuration]:
    return {
        str(row.pk): Configuration(row.version, json.loads(row.body) | {"config_version": row.version}) for row in rows
    }
