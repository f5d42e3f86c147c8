"""A tenant's log group."""

from tf import types
from tf.schema import Attribute

from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from terraform.provider.resource import TAGS, RegionResource, State, fixed, words
from terraform.provider.resources.objects import ARN, KEY_ARN


class LogGroup(RegionResource):
    """The tenant's log group."""

    NAME = "log_group"
    FIELDS = (
        fixed("name", "The log group's name."),
        Attribute("retention_days", types.Number(), "Days to keep events.", required=True),
        KEY_ARN,
        TAGS,
        ARN,
    )

    def expected(self, names: TenantNames) -> State:
        return {"name": names.log_group}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        spec = groups.LogGroupSpec(
            tenant_id=names.tenant_id,
            name=wanted["name"],
            retention_days=int(wanted["retention_days"]),
            tags=dict(wanted["tags"]),
            kms_key_arn=wanted["kms_key_arn"] or "",
        )
        return {"arn": groups.ensure(region, spec).arn}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = groups.read(region, known["name"])
        if state is None:
            return None
        same_key = state.kms_key_arn == (known["kms_key_arn"] or "")
        found = [] if same_key else [f"it is encrypted with {state.kms_key_arn or 'no key of ours'}"]
        return {
            "arn": state.arn,
            "retention_days": state.retention_days,
            "tags": state.tags,
            "deviation": words(found),
        }

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        groups.remove(region, known["name"], names.tenant_id)
