"""A tenant's objects: bucket, the IAM user that may reach it, the key that encrypts it."""

from tf import types
from tf.schema import Attribute

from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys, users
from portal.lib.regions import Region
from terraform.provider.resource import TAGS, RegionResource, State, fixed, text, words

KEY_ARN = text("kms_key_arn", "ARN of the key that encrypts it; empty for the provider's own key.", optional=True)
ARN = text("arn", "The ARN.", computed=True)


class Bucket(RegionResource):
    """The tenant's bucket: versioned, encrypted, closed to the public and to other tenants."""

    NAME = "bucket"
    FIELDS = (
        fixed("name", "The bucket's name."),
        text("user", "The IAM user that alone may reach the objects.", required=True),
        KEY_ARN,
        Attribute("noncurrent_days", types.Number(), "Days to keep replaced and deleted versions.", required=True),
        TAGS,
        ARN,
    )

    def expected(self, names: TenantNames) -> State:
        return {"name": names.bucket, "user": names.iam_user}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        buckets.ensure(region, _spec(names, wanted))
        return {"arn": f"arn:aws:s3:::{wanted['name']}"}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = buckets.read(region, known["name"])
        if state is None:
            return None
        wanted = _spec(names, known)
        return {
            "tags": state.tags,
            "noncurrent_days": state.noncurrent_days,
            "deviation": words(_bucket_deviations(state, wanted, buckets.policy(region, wanted))),
        }

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        buckets.remove(region, known["name"], names.tenant_id)


class KmsKey(RegionResource):
    """The tenant's key. Destroying schedules its deletion, which takes at least seven days."""

    NAME = "kms_key"
    FIELDS = (fixed("alias", "The key's alias."), TAGS, ARN, text("key_id", "The key's id.", computed=True))

    def expected(self, names: TenantNames) -> State:
        return {"alias": names.kms_alias}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        state = keys.ensure(
            region,
            tenant_id=names.tenant_id,
            alias=wanted["alias"],
            log_group=names.log_group,
            tags=dict(wanted["tags"]),
        )
        return {"arn": state.arn, "key_id": state.key_id}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = keys.read(region, known["alias"])
        if state is None:
            return None
        found = [] if state.state == "Enabled" else [f"the key is {state.state}"]
        found += [] if state.rotates else ["the key does not rotate"]
        return {"arn": state.arn, "key_id": state.key_id, "tags": state.tags, "deviation": words(found)}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        keys.remove(region, known["alias"], names.tenant_id)


class IamUser(RegionResource):
    """The tenant's IAM user. Its access keys are made elsewhere and are never in the state."""

    NAME = "iam_user"
    FIELDS = (
        fixed("name", "The user's name."),
        text("bucket", "The bucket it may reach.", required=True),
        text("log_group", "The log group it may write.", required=True),
        KEY_ARN,
        TAGS,
        ARN,
    )

    def expected(self, names: TenantNames) -> State:
        return {"name": names.iam_user, "bucket": names.bucket, "log_group": names.log_group}

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        return {"arn": users.ensure(region, _user_spec(names, wanted)).arn}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = users.read(region, known["name"])
        if state is None:
            return None
        found = [f"policy {name} is not ours" for name in state.policies if name != users.POLICY]
        if state.policy != users.policy(region, _user_spec(names, known)):
            found.append("its policy was changed")
        return {"arn": state.arn, "tags": state.tags, "deviation": words(found)}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        users.remove(region, known["name"], names.tenant_id)


def _spec(names: TenantNames, state: State) -> buckets.BucketSpec:
    return buckets.BucketSpec(
        tenant_id=names.tenant_id,
        bucket=state["name"],
        user=state["user"],
        tags=dict(state["tags"]),
        kms_key_arn=state["kms_key_arn"] or "",
        noncurrent_days=int(state["noncurrent_days"]),
    )


def _user_spec(names: TenantNames, state: State) -> users.UserSpec:
    return users.UserSpec(
        tenant_id=names.tenant_id,
        user=state["name"],
        bucket=state["bucket"],
        log_group=state["log_group"],
        tags=dict(state["tags"]),
        kms_key_arn=state["kms_key_arn"] or "",
    )


def _bucket_deviations(state: buckets.BucketState, wanted: buckets.BucketSpec, policy: State) -> list[str]:
    found = [] if state.versioning == "Enabled" else [f"versioning is {state.versioning}"]
    found += [] if state.is_closed else ["public access is not blocked"]
    if state.kms_key_arn != wanted.kms_key_arn:
        found.append(f"it is encrypted with {state.kms_key_arn or state.encryption or 'nothing'}")
    found += [] if state.policy == policy else ["its policy was changed"]
    return found
