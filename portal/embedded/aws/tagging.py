"""Resource Groups Tagging: what exists in this region under which tags, across services.

Unlike AWS it names untagged resources too when asked without filters, so that a sweep sees what lost its tags,
and it includes IAM users, which AWS lists for us-east-1 only.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from . import iam, kms, logs, xml
from .access import Caller, Guarded, require
from .errors import AwsError
from .s3.tagging import parse_tags

if TYPE_CHECKING:
    from .account import Account

PAGE = 100
FIELDS: dict[type, set[str]] = {
    str: {"Key", "PaginationToken"},
    int: {"ResourcesPerPage"},
    list: {"ResourceARNList", "ResourceTypeFilters", "TagFilters"},
}


def call(account: Account, caller: Caller, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetResources, GetTagKeys or GetTagValues."""
    require(account, caller, Guarded(f"tag:{action}", "*", service_error="AccessDeniedException"))
    if action == "GetResources":
        return _get_resources(account, parameters)
    if action == "GetTagKeys":
        return {"TagKeys": sorted({key for _, tags in everything(account) for key in tags})}
    if action == "GetTagValues":
        wanted = parameters.get("Key")
        return {"TagValues": sorted({tags[wanted] for _, tags in everything(account) if wanted in tags})}
    raise AwsError("UnknownOperationException", f"The AWS double knows no tagging action {action}.")


def everything(account: Account) -> list[tuple[str, dict[str, str]]]:
    """ARN and tags of every bucket, key, log group and user, sorted by ARN."""
    found = [*_buckets(account), *kms.tagged(account), *logs.tagged(account), *iam.tagged(account)]
    return sorted(found)


def _get_resources(account: Account, parameters: dict[str, Any]) -> dict[str, Any]:
    filters, types = _filters(parameters), _strings(parameters, "ResourceTypeFilters")
    arns, after = _strings(parameters, "ResourceARNList"), _decode(parameters.get("PaginationToken") or "")
    rows = [
        (arn, tags)
        for arn, tags in everything(account)
        if arn > after
        and (not types or any(_is_type(arn, wanted) for wanted in types))
        and (not arns or arn in arns)
        and all(key in tags and (not values or tags[key] in values) for key, values in filters)
    ]
    size = parameters.get("ResourcesPerPage") or PAGE
    if not isinstance(size, int) or not 1 <= size <= PAGE:
        raise _invalid("ResourcesPerPage must be between 1 and 100.")
    page, more = rows[:size], len(rows) > size
    shown = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
        for arn, tags in page
    ]
    token = base64.urlsafe_b64encode(page[-1][0].encode()).decode() if more else ""
    return {"ResourceTagMappingList": shown, "PaginationToken": token}


def _buckets(account: Account) -> list[tuple[str, dict[str, str]]]:
    rows = account.store.all(
        "SELECT b.name, c.body FROM buckets b LEFT JOIN bucket_config c ON c.bucket = b.name AND c.kind = 'tagging'"
    )
    return [
        (f"arn:aws:s3:::{row['name']}", parse_tags(xml.read(row["body"].encode()), 50) if row["body"] else {})
        for row in rows
    ]


def _is_type(arn: str, wanted: str) -> bool:
    """'s3', 's3:bucket', 'kms:key', 'logs:log-group', 'iam:user'; buckets have no type in their ARN."""
    service, _, kind = wanted.partition(":")
    parts = arn.split(":", 5)
    return parts[2] == service and (not kind or service == "s3" or parts[5].startswith((f"{kind}:", f"{kind}/")))


def _filters(parameters: dict[str, Any]) -> list[tuple[str, list[str]]]:
    filters = parameters.get("TagFilters") or []
    if not isinstance(filters, list) or not all(isinstance(item, dict) and item.get("Key") for item in filters):
        raise _invalid("TagFilters must be a list of Key and Values.")
    return [(str(item["Key"]), _strings(item, "Values")) for item in filters]


def _strings(parameters: dict[str, Any], name: str) -> list[str]:
    values = parameters.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _invalid(f"{name} must be a list of strings.")
    return values


def _decode(token: Any) -> str:
    try:
        return base64.urlsafe_b64decode(str(token).encode()).decode()
    except (ValueError, binascii.Error) as error:
        raise AwsError("PaginationTokenExpiredException", "The pagination token is not one of ours.") from error


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
