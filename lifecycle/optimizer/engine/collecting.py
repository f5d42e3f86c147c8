"""Reads one region's instances, volumes, groups, interfaces and databases, page by page."""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from .facts import LINUX, Database, Group, GroupRule, Instance, Interface, Region, Volume
from .reading import Account, at_of, noting, pages, tags_of

PAGE = 500
PROTOCOLS = {"-1": "all", "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


def collect(account: Account, name: str) -> Region:
    """Everything but metrics. What is refused or throttled out is a gap; the rest is read all the same."""
    region = Region(name)
    for what, read in READERS.items():
        with noting(region.gaps, name, what):
            read(account, region)
    return region


def _instances(account: Account, region: Region) -> None:
    ec2 = account.client("ec2", region.name)
    for page in pages(ec2, "describe_instances", "Reservations", PaginationConfig={"PageSize": PAGE}):
        for one in (one for reservation in page for one in reservation["Instances"]):
            if one["State"]["Name"] in ("pending", "running", "stopping", "stopped"):
                region.instances.append(_instance(one, region.name))


def _instance(one: dict[str, Any], region: str) -> Instance:
    return Instance(
        id=one["InstanceId"],
        region=region,
        size=one["InstanceType"],
        state=one["State"]["Name"],
        launched_at=at_of(one["LaunchTime"]),
        tags=tags_of(one.get("Tags")),
        groups=tuple(sorted(group["GroupId"] for group in one.get("SecurityGroups", []))),
        is_spot=one.get("InstanceLifecycle") == "spot",
        platform=one.get("PlatformDetails") or ("Windows" if one.get("Platform") == "windows" else LINUX),
        tenancy=one.get("Placement", {}).get("Tenancy") or "default",
        is_watched_closely=one.get("Monitoring", {}).get("State") == "enabled",
    )


def _volumes(account: Account, region: Region) -> None:
    ec2 = account.client("ec2", region.name)
    for page in pages(ec2, "describe_volumes", "Volumes", PaginationConfig={"PageSize": PAGE}):
        region.volumes += [
            Volume(
                id=one["VolumeId"],
                region=region.name,
                type=one["VolumeType"],
                size_gib=int(one["Size"]),
                iops=int(one.get("Iops") or 0),
                is_attached=bool(one.get("Attachments")),
                is_encrypted=bool(one.get("Encrypted")),
                created_at=at_of(one["CreateTime"]),
                tags=tags_of(one.get("Tags")),
                mibps=int(one.get("Throughput") or 0),
                is_shared=bool(one.get("MultiAttachEnabled")),
            )
            for one in page
        ]


def _groups(account: Account, region: Region) -> None:
    ec2 = account.client("ec2", region.name)
    for page in pages(ec2, "describe_security_groups", "SecurityGroups", PaginationConfig={"PageSize": PAGE}):
        region.groups += [
            Group(
                id=one["GroupId"],
                name=one["GroupName"],
                region=region.name,
                vpc=one.get("VpcId", ""),
                rules=tuple(_rules(one)),
                tags=tags_of(one.get("Tags")),
            )
            for one in page
        ]


def _rules(one: dict[str, Any]) -> Iterator[GroupRule]:
    for inbound, key in ((True, "IpPermissions"), (False, "IpPermissionsEgress")):
        for given in one.get(key, []):
            yield from _sources(inbound, given)


def _sources(inbound: bool, given: dict[str, Any]) -> Iterator[GroupRule]:
    """A permission names one span of ports and many sources; each is a rule, as AWS counts them."""
    said = str(given["IpProtocol"]).lower()
    protocol = PROTOCOLS.get(said, said)
    first, last = int(given.get("FromPort", -1)), int(given.get("ToPort", -1))
    if protocol == "all" or (protocol in ("tcp", "udp") and first == -1):
        first, last = 0, 65535
    for source in given.get("IpRanges", []):
        yield GroupRule(inbound, protocol, first, last, network=ip_network(source["CidrIp"], strict=False))
    for source in given.get("Ipv6Ranges", []):
        yield GroupRule(inbound, protocol, first, last, network=ip_network(source["CidrIpv6"], strict=False))
    for source in given.get("UserIdGroupPairs", []):
        yield GroupRule(inbound, protocol, first, last, group=source.get("GroupId") or source.get("GroupName", ""))
    for source in given.get("PrefixListIds", []):
        yield GroupRule(inbound, protocol, first, last, prefix_list=source["PrefixListId"])


def _interfaces(account: Account, region: Region) -> None:
    ec2 = account.client("ec2", region.name)
    for page in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", PaginationConfig={"PageSize": PAGE}):
        region.interfaces += [
            Interface(one["NetworkInterfaceId"], tuple(sorted(group["GroupId"] for group in one.get("Groups", []))))
            for one in page
        ]


def _databases(account: Account, region: Region) -> None:
    rds = account.client("rds", region.name)
    resized = _resized(account, region)
    for page in pages(rds, "describe_db_instances", "DBInstances", PaginationConfig={"PageSize": 100}):
        made = [one for one in page if "InstanceCreateTime" in one]
        region.databases += [_database(one, region.name, resized) for one in made]


def _resized(account: Account, region: Region) -> dict[str, datetime]:
    """When each database last got another class, as far back as AWS remembers: a fortnight."""
    found: dict[str, datetime] = {}
    rds, asked = account.client("rds", region.name), {"SourceType": "db-instance", "Duration": 14 * 24 * 60}
    with noting(region.gaps, region.name, "modifications"):
        for page in pages(rds, "describe_events", "Events", **asked, EventCategories=["configuration change"]):
            for one in page:
                if "instance class" in one.get("Message", ""):
                    name, at = one["SourceIdentifier"], at_of(one["Date"])
                    found[name] = max(at, found.get(name, at))
    return found


def _database(one: dict[str, Any], region: str, resized: dict[str, datetime]) -> Database:
    return Database(
        id=one["DBInstanceIdentifier"],
        region=region,
        size=one["DBInstanceClass"],
        engine=one["Engine"],
        storage_gib=int(one.get("AllocatedStorage") or 0),
        storage_type=one.get("StorageType", ""),
        is_multi_az=bool(one.get("MultiAZ")),
        is_encrypted=bool(one.get("StorageEncrypted")),
        is_public=bool(one.get("PubliclyAccessible")),
        backup_days=int(one.get("BackupRetentionPeriod") or 0),
        created_at=at_of(one["InstanceCreateTime"]),
        tags=tags_of(one.get("TagList")),
        groups=tuple(sorted(group["VpcSecurityGroupId"] for group in one.get("VpcSecurityGroups") or [])),
        is_replica=bool(one.get("ReadReplicaSourceDBInstanceIdentifier")),
        in_cluster=bool(one.get("DBClusterIdentifier")),
        iops=int(one.get("Iops") or 0),
        mibps=int(one.get("StorageThroughput") or 0),
        resized_at=resized.get(one["DBInstanceIdentifier"]),
    )


READERS = {
    "instances": _instances,
    "volumes": _volumes,
    "groups": _groups,
    "interfaces": _interfaces,
    "databases": _databases,
}
