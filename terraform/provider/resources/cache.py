"""A tenant's user in the region's Redis."""

from lifecycle.stores.cache import users
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from terraform.provider.resource import RegionResource, State, fixed, text


class CacheAcl(RegionResource):
    """The tenant's Redis user, confined to its keys. Its password is set elsewhere and is never in the state."""

    NAME = "cache_acl"
    FIELDS = (
        fixed("user", "The user's name."),
        fixed("prefix", "How every key of the tenant begins."),
        text("rules", "Digest of the rules the server has in force.", computed=True),
    )

    def expected(self, names: TenantNames) -> State:
        return {"user": names.cache_user, "prefix": names.cache_prefix}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        return {"rules": users.ensure(region, user=wanted["user"], prefix=wanted["prefix"]).rules}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = users.read(region, known["user"])
        if state is None:
            return None
        return {"deviation": "" if state.rules == known["rules"] else "its rules were changed on the server"}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        users.remove(region, known["user"])
