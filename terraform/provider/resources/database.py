"""A tenant in the region's PostgreSQL: role, fence, row security of the shared tables, tags."""

from tf import types
from tf.schema import Attribute

from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, roles, row_security, tags
from portal.lib.regions import Region
from terraform.provider.resource import TAGS, RegionResource, State, fixed, words


class TenantRole(RegionResource):
    """The tenant's database role, which its rows answer to."""

    NAME = "tenant_role"
    FIELDS = (fixed("name", "The role's name."),)

    def expected(self, names: TenantNames) -> State:
        return {"name": names.role}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        roles.ensure(region, role=wanted["name"], tenant_id=names.tenant_id, tenant_name=names.name)
        return {}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = roles.read(region, known["name"])
        return None if state is None else {"deviation": words(roles.deviations(state, names.tenant_id))}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        roles.remove(region, known["name"], names.tenant_id)


class Fence(RegionResource):
    """The tenant's fence and hold rows. A new fence is closed: whoever activates the tenant opens it."""

    NAME = "fence"
    FIELDS = ()

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        fences.ensure(region, tenant_id=names.tenant_id, state="closed")
        return {}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = fences.read(region, names.tenant_id)
        if state is None:
            return None
        return {"deviation": "" if state.has_hold_row else "the hold row is missing, which counts as held"}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        fences.remove(region, names.tenant_id)


class RowSecurity(RegionResource):
    """Row security of one shared table: enabled, forced, our policies alone. Destroying leaves it in force."""

    NAME = "row_security"
    FIELDS = (fixed("table", "The table's name in schema rag."),)

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        row_security.ensure(region, wanted["table"])
        return {}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = row_security.read(region, known["table"])
        return None if state is None else {"deviation": words(row_security.deviations(state))}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        """The table is shared by all tenants: its policies stay."""


class TagSet(RegionResource):
    """Tags of the tenant's resources that have none of their own, kept in bw.resource_tag."""

    NAME = "tag_set"
    FIELDS = (
        Attribute("resources", types.Set(types.String()), "The resources, as `<kind>:<name>`.", required=True),
        TAGS,
    )

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        tags.ensure(region, tenant_id=names.tenant_id, resources=list(wanted["resources"]), tags=dict(wanted["tags"]))
        return {}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        """Where the resources' tags differ among themselves, the first that differs is shown."""
        found = tags.read(region, names.tenant_id)
        if not found:
            return None
        odd = [name for name in sorted(found) if found[name] != known["tags"]]
        shown = found[odd[0]] if odd else known["tags"]
        return {"resources": sorted(found), "tags": shown, "deviation": ""}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        tags.remove(region, names.tenant_id)
