"""What each service lists of its stores. One that refuses, or says something else, was not searched: that is said."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .accounts import Place

UNSEARCHED = "unsearched"


@dataclass(frozen=True)
class Store:
    """One store, or with kind `unsearched` a service that could not be asked, and why."""

    kind: str
    name: str
    why: str = ""


def search(place: Place) -> Iterator[Store]:
    """Every store of one account and region, service by service."""
    for service, looks in SERVICES.items():
        if place.only and service not in place.only:
            continue
        for what, look in looks.items():
            try:
                yield from [Store(what, name) for name in look(place.client(service))]
            except (ClientError, BotoCoreError, ResponseParserError, KeyError, TypeError, ValueError) as error:
                yield Store(UNSEARCHED, what, _why(error))


def _why(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"refused: {error.response.get('Error', {}).get('Code', 'unknown')}"
    return f"no whole answer ({type(error).__name__})"


def _paged(operation: str, field: str, name: str, **arguments: Any) -> Callable[[Any], list[str]]:
    """Every page of a listing, which must have the field that it is about: an answer without it is none."""

    def look(client: Any) -> list[str]:
        pages = client.get_paginator(operation).paginate(**arguments)
        return [str(one[name] if name else one) for page in pages for one in page[field]]

    return look


def _domains(client: Any) -> list[str]:
    return [one["DomainName"] for one in client.list_domain_names()["DomainNames"]]


Looks = dict[str, Callable[[Any], list[str]]]
SERVICES: dict[str, Looks] = {
    "rds": {
        "rds_instance": _paged("describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        "rds_cluster": _paged("describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
        "rds_snapshot": _paged("describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
        "cluster_snapshot": _paged(
            "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"
        ),
    },
    "dynamodb": {"dynamodb_table": _paged("list_tables", "TableNames", "")},
    "opensearch": {"opensearch": _domains},
    "elasticache": {"elasticache": _paged("describe_cache_clusters", "CacheClusters", "CacheClusterId")},
    "ec2": {"ebs_snapshot": _paged("describe_snapshots", "Snapshots", "SnapshotId", OwnerIds=["self"])},
    "s3": {"bucket": _paged("list_buckets", "Buckets", "Name")},
    "logs": {"log_group": _paged("describe_log_groups", "logGroups", "logGroupName")},
}
