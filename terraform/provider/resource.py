"""What all resources of the provider share: their common attributes, errors as diagnostics, drift in words."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from tf import types
from tf.iface import CreateContext, DeleteContext, ImportContext, PlanContext, ReadContext, Resource, UpdateContext
from tf.schema import Attribute, Schema
from tf.utils import Diagnostics

from lifecycle.stores.errors import StoreError, Transient
from lifecycle.stores.names import TENANT_NAME, TenantNames
from portal.lib.regions import Region, load
from terraform.provider import faults

State = dict[str, Any]
EMPTY: dict[type, Any] = {types.Number: 0, types.Map: {}, types.Set: []}
TRIES = 5
LOCKS = tuple(threading.Lock() for _ in range(512))
PAUSES = (0.1, 0.3, 0.8, 2.0)
BEARING = ("name", "bucket", "user")  # attributes that name a bucket or a user

COMMON = (
    Attribute("region", types.String(), "The region's name.", required=True, requires_replace=True),
    Attribute("tenant_id", types.String(), "The tenant's id, a UUID.", required=True, requires_replace=True),
    Attribute("tenant_name", types.String(), "The tenant's name.", required=True, requires_replace=True),
    Attribute(
        "deviation",
        types.String(),
        "What is not as it should be, in words; empty when all is well. An update puts it right.",
        computed=True,
        default="",
    ),
)
TAGS = Attribute("tags", types.Map(types.String()), "Tags, TenantID among them.", required=True)


def text(name: str, description: str, **more: Any) -> Attribute:
    """Return a text attribute."""
    return Attribute(name, types.String(), description, **more)


def fixed(name: str, description: str) -> Attribute:
    """Return a required name that cannot change without making the resource anew."""
    return text(name, description, required=True, requires_replace=True)


class RegionResource(Resource):  # type: ignore[misc]  # the framework ships no types
    """A resource of one tenant in one region. Subclasses say how to ensure, look at and remove the real thing.

    Creating adopts what carries this tenant's tag, so a create that was killed can run again; the connectors refuse
    what carries another's. A failed create leaves nothing in the state: the next run adopts, or a sweep by tag removes.
    """

    NAME: ClassVar[str]
    FIELDS: ClassVar[tuple[Attribute, ...]]

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    @classmethod
    def get_name(cls) -> str:
        return cls.NAME

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema(version=1, attributes=[*COMMON, *cls.FIELDS], description=(cls.__doc__ or "").strip())

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        """Make the real thing as wanted, and return the computed attributes."""
        raise NotImplementedError

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        """Return the attributes the real thing has, `deviation` among them, or None where there is none."""
        raise NotImplementedError

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        """Remove the real thing; nothing to remove is success."""
        raise NotImplementedError

    def expected(self, names: TenantNames) -> State:
        """Return the attributes whose values follow from the tenant and nothing else."""
        return {}

    def validate(self, diags: Diagnostics, type_name: str, config: State) -> None:
        """Refuse what is no tenant, and names that are not this tenant's."""
        super().validate(diags, type_name, config)
        tenant_id, tenant_name, region = (config.get(key) for key in ("tenant_id", "tenant_name", "region"))
        if not all(isinstance(one, str) for one in (tenant_id, tenant_name, region)):
            return
        try:
            names = _names(config)
        except ValueError:
            diags.add_error("Not a tenant", f"tenant_id is a UUID and tenant_name matches {TENANT_NAME.pattern}.")
            return
        for key, value in self.expected(names).items():
            if isinstance(config.get(key), str) and config[key] != value:
                diags.add_error(f"Not this tenant's {key}", f"It must be {value!r} for {tenant_name}.", [key])

    def create(self, ctx: CreateContext, planned: State) -> State | None:
        return self._ensured("create", ctx, planned)

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State | None:
        return self._ensured("update", ctx, planned) or current

    def read(self, ctx: ReadContext, current: State) -> State | None:
        def looked() -> State | None:
            found = self.look(_region(current), _names(current), current)
            return None if found is None else {**current, **found}

        return self._tried("read", ctx, current, looked, current)

    def delete(self, ctx: DeleteContext, current: State) -> State | None:
        def removed() -> None:
            self.remove(_region(current), _names(current), current)

        return self._tried("delete", ctx, current, removed, current)

    def import_(self, ctx: ImportContext, known_as: str) -> State | None:
        """Adopt what exists: `<region>/<tenant id>/<tenant name>`, and after that the table, the vector store, or the
        name of a bucket or user that bears its region.
        """
        region, tenant_id, tenant_name, *more = [*known_as.split("/"), "", ""]
        common = {"region": region, "tenant_id": tenant_id, "tenant_name": tenant_name}
        known = {one.name: EMPTY.get(type(one.type), "") for one in self.FIELDS} | common
        known |= self.expected(_names({**common, "name": more[0]}))
        known |= {key: more[0] for key in ("table", "store") if key in known}

        def looked() -> State | None:
            found = self.look(_region(known), _names(known), known)
            return None if found is None else {**known, "deviation": "", **found}

        found = self._tried("read", ctx, known, looked, None)
        if found is None and not ctx.diagnostics.has_errors():
            ctx.diagnostics.add_error("There is nothing to adopt", f"{ctx.type_name} {known_as} does not exist.")
        return found

    def plan(self, ctx: PlanContext, current: State | None, planned: State) -> State:
        """Plan to put every deviation right."""
        return {**planned, "deviation": ""}

    def upgrade(self, ctx: Any, version: int, old: State) -> State:
        return old

    def _ensured(self, operation: str, ctx: Any, planned: State) -> State | None:
        def ensured() -> State:
            return {**planned, **self.ensure(_region(planned), _names(planned), planned), "deviation": ""}

        return self._tried(operation, ctx, planned, ensured, None)

    def _tried(
        self, operation: str, ctx: Any, about: State, act: Callable[[], State | None], otherwise: State | None
    ) -> State | None:
        """Return what `act` returns, trying again what may pass; a failure becomes a diagnostic and `otherwise`."""
        for attempt in range(TRIES):
            try:
                faults.strike(operation, ctx.type_name, about["tenant_id"])
                with _alone(ctx.type_name, about):
                    result = act()
                faults.strike(operation, ctx.type_name, about["tenant_id"], after=True)
                return result
            except Transient as error:
                if attempt == TRIES - 1:
                    ctx.diagnostics.add_error(error.message, f"{error.system}: {error.operation} ({TRIES} tries)")
                    return otherwise
                time.sleep(min(error.retry_after or PAUSES[attempt], 10.0))
            except StoreError as error:
                ctx.diagnostics.add_error(error.message, f"{error.system}: {error.operation}")
                return otherwise
            except UnknownRegion as error:
                ctx.diagnostics.add_error(str(error), "")
                return otherwise
        return otherwise


def _alone(type_name: str, about: State) -> threading.Lock:
    """Return the lock of one resource: a call whose run was killed may still be at work when the next run comes."""
    key = (type_name, about["region"], about["tenant_id"], about.get("table"))
    return LOCKS[hash(key) % len(LOCKS)]


class UnknownRegion(Exception):
    """The installation has no region of that name."""


def _region(state: State) -> Region:
    regions = load(os.environ["BAILIWICK_REGIONS_FILE"])
    if state["region"] not in regions:
        raise UnknownRegion(f"this installation has no region {state['region']}; it has {', '.join(regions)}")
    return regions[state["region"]]


def _names(state: State) -> TenantNames:
    """Return the names of the tenant's set: of one that bears its region where a name of it does."""
    names = TenantNames(UUID(str(state["tenant_id"])), str(state["tenant_name"]), str(state["region"]))
    said = [one for key in BEARING if isinstance(one := state.get(key), str)]
    second = replace(names, bears_region=names.fits_region)
    return second if second.bucket in said or second.iam_user in said else names


def words(deviations: list[str]) -> str:
    return "; ".join(deviations)
