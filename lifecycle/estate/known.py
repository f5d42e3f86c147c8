"""Where each type of resource is seen besides the state, and what `terraform import` calls it there.

A type of AWS is recognised by one of three: the inventory (by the tenant's names), what the tagging API lists, or a
question to its service. Templates are filled with the modules' arguments; what is not known yet matches nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from lifecycle.provisioning.terraform.plan import LATER
from lifecycle.stores import aws
from lifecycle.stores.tags import Tagged
from portal.lib.regions import Region

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """How a type is recognised.

    `system`, `begins`: its entry of the inventory. `arn`: its ARN after the account, where `*` is an id that AWS chose
    and the tag Name decides. `asks`: service, call and parameters of a part of something else, and the word of the
    answer that says it is there (none: any answer does). `import_by`: filled with arguments, `{found}` and `{arn}`.
    """

    system: str = ""
    begins: str = ""
    arn: str = ""
    asks: tuple[str, str, dict[str, str], str] | None = None
    import_by: str = ""
    is_shared: bool = False


def _of_bucket(call: str, word: str = "") -> Known:
    return Known(asks=("s3", call, {"Bucket": "{bucket}"}, word), import_by="{bucket}")


def _chosen(kind: str) -> Known:
    """What has no name of its own: AWS chose its id."""
    return Known(arn=f"ec2:{kind}/*", import_by="{found}")


OURS = {
    "region_bucket": Known("objects"),
    "region_cache_acl": Known("cache", "user "),
    "region_fence": Known("database", "bw.fence"),
    "region_iam_user": Known("iam"),
    "region_kms_key": Known("keys"),
    "region_log_group": Known("logs"),
    "region_row_security": Known(is_shared=True),
    "region_tag_set": Known("tags"),
    "region_tenant_role": Known("database", "role "),
    "region_vector_namespace": Known("vectors"),
}
TENANT = {
    "aws_cloudwatch_log_group": Known("logs", import_by="{name}"),
    "aws_iam_user": Known("iam", import_by="{name}"),
    "aws_iam_user_policy": Known(
        asks=("iam", "get_user_policy", {"UserName": "{user}", "PolicyName": "{name}"}, ""), import_by="{user}:{name}"
    ),
    "aws_kms_alias": Known(asks=("kms", "describe_key", {"KeyId": "{name}"}, ""), import_by="{name}"),
    "aws_kms_key": Known("keys", import_by="{found}"),
    "aws_s3_bucket": Known("objects", import_by="{bucket}"),
    "aws_s3_bucket_lifecycle_configuration": _of_bucket("get_bucket_lifecycle_configuration", "Rules"),
    "aws_s3_bucket_logging": _of_bucket("get_bucket_logging", "LoggingEnabled"),
    "aws_s3_bucket_ownership_controls": _of_bucket("get_bucket_ownership_controls"),
    "aws_s3_bucket_policy": _of_bucket("get_bucket_policy"),
    "aws_s3_bucket_public_access_block": _of_bucket("get_public_access_block"),
    "aws_s3_bucket_server_side_encryption_configuration": _of_bucket("get_bucket_encryption"),
    "aws_s3_bucket_versioning": _of_bucket("get_bucket_versioning", "Status"),
}
MODULES = {
    "aws_cloudwatch_metric_alarm": Known(arn="cloudwatch:alarm:{alarm_name}", import_by="{alarm_name}"),
    "aws_db_instance": Known(arn="rds:db:{identifier}", import_by="{identifier}"),
    "aws_db_parameter_group": Known(arn="rds:pg:{name}", import_by="{name}"),
    "aws_db_subnet_group": Known(arn="rds:subgrp:{name}", import_by="{name}"),
    "aws_default_security_group": _chosen("security-group"),
    "aws_eip": _chosen("elastic-ip"),
    "aws_elasticache_replication_group": Known(
        arn="elasticache:replicationgroup:{replication_group_id}", import_by="{replication_group_id}"
    ),
    "aws_elasticache_subnet_group": Known(arn="elasticache:subnetgroup:{name}", import_by="{name}"),
    "aws_elasticache_user": Known(arn="elasticache:user:{user_id}", import_by="{user_id}"),
    "aws_elasticache_user_group": Known(arn="elasticache:usergroup:{user_group_id}", import_by="{user_group_id}"),
    "aws_elasticache_user_group_association": Known(import_by="{user_group_id},{user_id}"),
    "aws_flow_log": _chosen("vpc-flow-log"),
    "aws_iam_role": Known(asks=("iam", "get_role", {"RoleName": "{name}"}, ""), import_by="{name}"),
    "aws_iam_role_policy": Known(
        asks=("iam", "get_role_policy", {"RoleName": "{role}", "PolicyName": "{name}"}, ""), import_by="{role}:{name}"
    ),
    "aws_iam_role_policy_attachment": Known(import_by="{role}/{policy_arn}"),
    "aws_internet_gateway": _chosen("internet-gateway"),
    "aws_nat_gateway": _chosen("natgateway"),
    "aws_route": Known(import_by="{route_table_id}_{destination_cidr_block}"),
    "aws_route_table": _chosen("route-table"),
    "aws_route_table_association": Known(import_by="{subnet_id}/{route_table_id}"),
    "aws_s3_bucket_object_lock_configuration": _of_bucket("get_object_lock_configuration"),
    "aws_security_group": _chosen("security-group"),
    "aws_sns_topic": Known(arn="sns:{name}", import_by="{arn}"),
    "aws_sns_topic_subscription": Known(import_by="{arn}"),  # AWS chose its id, and it carries no tag
    "aws_subnet": _chosen("subnet"),
    "aws_vpc": _chosen("vpc"),
    "aws_vpc_endpoint": _chosen("vpc-endpoint"),
    "aws_vpc_security_group_egress_rule": _chosen("security-group-rule"),
    "aws_vpc_security_group_ingress_rule": _chosen("security-group-rule"),
}
KNOWN: dict[str, Known] = {**OURS, **TENANT, **MODULES}
# Read back with the thing although a resource of their own says them: after an apply they always look changed.
SAID_ELSEWHERE: dict[str, frozenset[str]] = {
    "aws_elasticache_user_group": frozenset({"user_ids"}),  # the portal puts the tenants' users in
    "aws_iam_role": frozenset({"inline_policy", "managed_policy_arns"}),
    "aws_route_table": frozenset({"route"}),
    "aws_s3_bucket": frozenset(
        {
            "acceleration_status", "acl", "cors_rule", "grant", "lifecycle_rule", "logging",
            "object_lock_configuration", "policy", "replication_configuration", "request_payer",
            "server_side_encryption_configuration", "versioning", "website",
        }
    ),
    "aws_security_group": frozenset({"ingress", "egress"}),
    "aws_vpc": frozenset({"default_network_acl_id", "default_route_table_id", "default_security_group_id"}),
}  # fmt: skip


def filled(template: str, given: Arguments, **more: str) -> str:
    """The template with its arguments; empty as soon as one of them is not known."""
    known = {name: value for name, value in {**given, **more}.items() if isinstance(value, str) and value != LATER}
    try:
        return template.format_map(known)
    except KeyError:
        return ""


def among(tagged: list[Tagged], known: Known, given: Arguments) -> Tagged | None:
    """The one of these that the arguments describe: by its name, or by its tag Name where AWS chose the id."""
    ending = filled(known.arn, given)
    service, _, rest = ending.partition(":")
    if not rest:
        return None
    named = str((given.get("tags_all") or given.get("tags") or {}).get("Name", ""))
    for one in tagged:
        if not fnmatchcase(one.arn, f"arn:*:{service}:*:*:{rest}"):
            continue
        if "*" not in rest or (named and one.tags.get("Name") == named):
            return one
    return None


def asker(region: Region) -> Callable[[str, Arguments], bool]:
    """Whether a part of something else is there, by its service's own answer."""

    def is_there(type_name: str, given: Arguments) -> bool:
        asks = KNOWN.get(type_name, Known()).asks
        if asks is None:
            return False
        service, call, parameters, word = asks
        said = {name: filled(template, given) for name, template in parameters.items()}
        if not all(said.values()):
            return False
        with aws.translated(service, call):
            answer = aws.unless_absent(getattr(aws.client(region, service), call), **said)
        return answer is not None and (not word or bool(answer.get(word)))

    return is_there
