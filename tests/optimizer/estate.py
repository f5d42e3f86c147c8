"""An estate with planted findings: of ten resources of a kind each has another fate, and most have none.

`plant` returns what a scan must find, as (rule, resource) pairs, and what it must say it cannot tell. It is looked at
thirty days after it was made.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from moto.backends import get_backend

from .account import Double, Series
from .tagged import TAGS

GIB = 1024**3
REGION, ACCOUNT = "us-east-1", "123456789012"


@dataclass
class Planted:
    found: set[tuple[str, str]] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)  # those that tests ask about


def plant(double: Double, instances: int, databases: int, groups: int) -> Planted:
    planted = Planted()
    ec2 = double.client("ec2")
    images = [one for one in ec2.describe_images(Owners=["amazon"])["Images"] if one.get("Platform") != "windows"]
    subnet = ec2.describe_subnets()["Subnets"][0]
    _groups(ec2, subnet, groups, planted)
    _instances(double, ec2, images[0]["ImageId"], subnet["SubnetId"], instances, planted)
    _singular(double, ec2, images[0]["ImageId"], subnet["SubnetId"], planted)
    _volumes(ec2, planted)
    _databases(double, databases, planted)
    return planted


def level(value: float, *, peak: float | None = None, windows: int = 168) -> Series:
    """The same in every window, or another value in the sixth of them, for so many windows from the newest back."""
    return lambda n: None if n < 168 - windows else peak if n == 160 and peak is not None else value


IDLE, DOWN, TOGETHER = "instance.idle", "instance.one_size_down", "fleet.one_size_down"
# size, processors, then by metric what else is measured; the rule it breaks, or `doubt`
FATES: list[tuple[str, Series | None, dict[str, Series], str]] = [
    ("t3.medium", level(55), {}, ""),
    ("t3.medium", level(8), {}, DOWN),
    ("m5.xlarge", level(12, peak=50), {}, ""),  # half the processors would be full at its peak
    ("t3.medium", level(3, windows=11 * 12), {}, "doubt"),
    ("t3.medium", None, {}, "doubt"),
    ("m5.large", level(0.5), {"NetworkOut": level(1000)}, IDLE),
    ("m5.xlarge", level(10), {"mem_used_percent": level(70)}, ""),
    ("t3.large", level(10), {"CPUCreditBalance": level(3)}, ""),
    ("m5.xlarge", level(5), {"mem_used_percent": level(20)}, DOWN),
    ("m5.large", level(0.5), {"NetworkOut": level(9e9)}, ""),  # talks all day; and there is no smaller one
]


def _instances(double: Double, ec2: Any, image: str, subnet: str, count: int, planted: Planted) -> None:
    assert len(FATES) == 10
    for size, cpu, more, fate in FATES:
        for one in _run(ec2, image, subnet, size, count // 10):
            series = {**({"CPUUtilization": cpu} if cpu else {}), **more}
            double.metrics.series |= {(metric, one): values for metric, values in series.items()}
            double.metrics.by[one] = {"InstanceType": size, "ImageId": image}  # as most agents are set up
            if fate == "doubt":
                planted.doubts.add(one)
            elif fate:
                planted.found.add((fate, one))


def _run(ec2: Any, image: str, subnet: str, size: str, count: int) -> list[str]:
    root = {"VolumeType": "gp3", "VolumeSize": 8, "Encrypted": True}
    made = ec2.run_instances(
        ImageId=image, InstanceType=size, SubnetId=subnet, MinCount=count, MaxCount=count,
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": root}],
        TagSpecifications=[{"ResourceType": kind, "Tags": as_list(TAGS)} for kind in ("instance", "volume")],
    )  # fmt: skip
    return [one["InstanceId"] for one in made["Instances"]]


def _singular(double: Double, ec2: Any, image: str, subnet: str, planted: Planted) -> None:
    """One each of what looks like waste and is not, or not quite: all m5.xlarge that have little to do."""
    names = ("resized", "sparse", "windows", "dedicated", "agentless", "stale", "member", "other member")
    ids = dict(zip(names, _run(ec2, image, subnet, "m5.xlarge", len(names)), strict=True))
    memory, metrics = dict.fromkeys(ids.values(), "mem_used_percent"), double.metrics
    memory[ids["windows"]] = "Memory % Committed Bytes In Use"
    metrics.series |= {("CPUUtilization", one): level(5) for one in ids.values()}
    metrics.series |= {(name, one): level(20) for one, name in memory.items()}
    del metrics.series["mem_used_percent", ids["agentless"]]
    metrics.by[ids["stale"]] = {"InstanceType": "m5.2xlarge"}  # the agent's series of another size
    metrics.samples[ids["sparse"]] = 1.0
    made = {name: get_backend("ec2")[ACCOUNT][REGION].get_instance(one) for name, one in ids.items()}
    made["resized"].launch_time = (datetime.now(UTC) + timedelta(days=27)).replace(tzinfo=None)
    made["windows"].platform_details = "Windows"
    made["dedicated"].placement.tenancy = "dedicated"
    for name in ("member", "other member"):
        made[name].add_tags({"aws:autoscaling:groupName": "web", "aws:ec2launchtemplate:id": "lt-1"})
    planted.named |= ids
    planted.doubts |= {ids["resized"], ids["sparse"]}
    planted.found |= {(DOWN, ids[name]) for name in ("windows", "dedicated", "agentless", "stale")}
    planted.found.add((TOGETHER, "asg/web"))


def _volumes(ec2: Any, planted: Planted) -> None:
    """Both rules speak of the first, and deleting it ends the other."""
    for kind, encrypted, more, rules in (
        ("gp2", True, {}, ("volume.unattached", "volume.gp3")),
        ("gp3", False, {}, ("volume.unattached", "volume.unencrypted")),
        ("io1", True, {"Iops": 3000}, ("volume.unattached", "volume.gp3")),
        ("io2", True, {"Iops": 20_000}, ("volume.unattached",)),  # more than gp3 can have
    ):
        tags = [{"ResourceType": "volume", "Tags": as_list(TAGS)}]
        made = ec2.create_volume(
            AvailabilityZone=f"{REGION}a",
            Size=100,
            VolumeType=kind,
            Encrypted=encrypted,
            TagSpecifications=tags,
            **more,
        )
        planted.found |= {(rule, made["VolumeId"]) for rule in rules}


def _groups(ec2: Any, subnet: dict[str, Any], count: int, planted: Planted) -> None:
    """In use, all but the third and fourth of ten; no two of them have the same rules, all but the tenth and ninth."""
    vpc, used, before = subnet["VpcId"], list[str](), ""
    for n in range(count):
        fate, own = n % 10, f"10.{n // 256}.{n % 256}.0/24"
        before_own = f"10.{(n - 1) // 256}.{(n - 1) % 256}.0/24"
        tags = [{"ResourceType": "security-group", "Tags": as_list(TAGS)}]
        id_ = ec2.create_security_group(GroupName=f"g{n}", Description="d", VpcId=vpc, TagSpecifications=tags)[
            "GroupId"
        ]
        rules = {
            0: [_tcp(22, "0.0.0.0/0"), _tcp(443, own)],
            1: [_tcp(5432, "::/0"), _tcp(443, own)],
            2: [_tcp(443, own)],
            3: [],
            4: [{**_tcp(8080, ""), "UserIdGroupPairs": [{"GroupId": before}]}, _tcp(443, own)],
            5: [_tcp(443, own), _tcp(443, "10.0.0.0/8")],
            6: [_tcp(9000 + port, own) for port in range(50)],
            7: [_tcp(443, "0.0.0.0/0"), _tcp(443, "::/0"), _tcp(80, "0.0.0.0/0"), _tcp(8443, own)],
            8: [_tcp(444, own), *_icmp(own)],
            9: [_tcp(444, before_own), *_icmp(before_own)],
        }[fate]
        if rules:
            ec2.authorize_security_group_ingress(GroupId=id_, IpPermissions=rules)
        broken = {
            0: "group.open_admin", 1: "group.open_data", 2: "group.unused", 3: "group.only_named",
            5: "group.shadowed_rule", 6: "group.near_quota", 9: "group.duplicate_group",
        }  # fmt: skip
        if fate in broken:
            same = max(before, id_) if fate == 9 else id_
            planted.found.add((broken[fate], same))
        used += [id_] if fate not in (2, 3) else []
        before = id_
    for start in range(0, len(used), 5):
        ec2.create_network_interface(SubnetId=subnet["SubnetId"], Groups=used[start : start + 5])


def _tcp(port: int, source: str) -> dict[str, Any]:
    given: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if ":" in source:
        return {**given, "Ipv6Ranges": [{"CidrIpv6": source}]}
    return {**given, "IpRanges": [{"CidrIp": source}]} if source else given


def _icmp(own: str) -> list[dict[str, Any]]:
    """ "Fragmentation needed" (3, 4) lies between no two of these: neither covers another."""
    pairs = ((3, 4, own), (0, 8, "10.0.0.0/8"), (3, 1, "10.0.0.0/8"))
    return [
        {"IpProtocol": "icmp", "FromPort": type_, "ToPort": code, "IpRanges": [{"CidrIp": source}]}
        for type_, code, source in pairs
    ]


BUSY = {"CPUUtilization": level(50), "FreeableMemory": level(6 * GIB), "FreeStorageSpace": level(20 * GIB)}
CALM = {**BUSY, "CPUUtilization": level(8), "FreeableMemory": level(12 * GIB)}
SOUND = {"MultiAZ": True, "BackupRetentionPeriod": 35, "StorageEncrypted": True, "PubliclyAccessible": False}
# what is not sound about it, what is measured, tags that differ; the rules it breaks, or `doubt`
DATABASES: list[tuple[dict[str, Any], dict[str, Series], dict[str, str], tuple[str, ...]]] = [
    ({}, CALM, {}, ("database.one_size_down",)),
    ({"MultiAZ": False}, BUSY, {}, ("database.one_zone",)),
    ({"BackupRetentionPeriod": 0}, BUSY, {}, ("database.backups",)),
    ({"StorageEncrypted": False}, BUSY, {}, ("database.unencrypted",)),
    ({"PubliclyAccessible": True}, BUSY, {}, ("database.public",)),
    ({"AllocatedStorage": 500}, {**BUSY, "FreeStorageSpace": level(450 * GIB)}, {}, ("database.storage_oversized",)),
    ({}, BUSY, {"Environment": "dev"}, ("database.trial_in_two_zones",)),
    ({}, {**CALM, "FreeableMemory": level(1 * GIB)}, {}, ()),
    ({}, {}, {}, ("doubt",)),
    ({}, BUSY, {"Owner": ""}, ("tags.missing",)),
    ({"StorageType": "io1", "Iops": 1000}, BUSY, {}, ("database.gp3",)),
    ({"StorageType": "io1", "Iops": 9000}, BUSY, {}, ()),  # more than gp3 has below 400 GiB
    ({}, CALM, {}, ("doubt", "resized")),
]


def _databases(double: Double, count: int, planted: Planted) -> None:
    rds, events = double.client("rds"), get_backend("rds")[ACCOUNT][REGION].events
    for n in range(count):
        differs, series, tags, rules = DATABASES[n % len(DATABASES)]
        given = {"AllocatedStorage": 50, "StorageType": "gp3", **SOUND, **differs}
        said = {name: value for name, value in {**TAGS, **tags}.items() if value}
        name = f"db-{n:03d}"
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.m5.xlarge", Engine="postgres", Tags=as_list(said),
            MasterUsername="owner", MasterUserPassword="not-a-secret", **given,
        )  # fmt: skip
        double.metrics.series |= {(metric, name): values for metric, values in series.items()}
        planted.doubts |= {name} if "doubt" in rules else set()
        planted.found |= {(rule, name) for rule in rules if "doubt" not in rules}
        events += [_resize(name)] if "resized" in rules else []


def _resize(name: str) -> SimpleNamespace:
    """As moto keeps an event."""
    return SimpleNamespace(
        source_identifier=name, source_type="db-instance", event_categories=["configuration change"], source_arn="",
        message="Finished applying modification to DB instance class", date=datetime.now(UTC) + timedelta(days=20),
    )  # fmt: skip


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def forget() -> None:
    """Empty the account of everything planted so far."""
    for service in ("ec2", "rds", "cloudwatch"):
        get_backend(service).reset()
