"""Every decision of every rule as a case: what is given, which findings follow. No Django, no network.

`python -m coverage run --branch` over this file is how tests/optimizer/test_decisions.py sees that none is left out.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

from lifecycle.optimizer.engine import prices
from lifecycle.optimizer.engine.facts import Database, Gap, Group, GroupRule, Instance, Interface, Region, Use, Volume
from lifecycle.optimizer.engine.findings import Finding, Judging
from lifecycle.optimizer.engine.scan import judge
from lifecycle.optimizer.engine.settling import settle

from .tagged import TAGS

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
OLD, NEW = AT - timedelta(days=90), AT - timedelta(days=3)
GIB = 1024**3
RATE = prices.Rate(Decimal("83.50"), date(2026, 6, 1), "RBI")
PRICES = prices.load(rate=RATE)


def use(
    p95: float, p995: float | None = None, *, least: float | None = None, days: int = 14, coverage: float = 1.0
) -> Use:
    return Use(p95, p95 if p995 is None else p995, p95 if least is None else least, days, coverage)


def instance(size: str = "t3.medium", **more: Any) -> Instance:
    return Instance(**{"id": "i-1", "region": "us-east-1", "size": size, "state": "running", "launched_at": OLD,
                       "tags": TAGS, **more})  # fmt: skip


def database(**more: Any) -> Database:
    sound = {"id": "db-1", "region": "us-east-1", "size": "db.m5.xlarge", "engine": "postgres", "storage_gib": 50,
             "storage_type": "gp3", "is_multi_az": True, "is_encrypted": True, "is_public": False, "backup_days": 35,
             "created_at": OLD, "tags": TAGS}  # fmt: skip
    return Database(**{**sound, **more})


def volume(**more: Any) -> Volume:
    sound = {"id": "vol-1", "region": "us-east-1", "type": "gp3", "size_gib": 100, "iops": 3000, "is_attached": True,
             "is_encrypted": True, "created_at": OLD, "tags": TAGS}  # fmt: skip
    return Volume(**{**sound, **more})


def rule(source: str = "10.0.0.0/24", first: int = 443, last: int = 0, protocol: str = "tcp", **more: Any) -> GroupRule:
    network = {} if {"group", "prefix_list"} & set(more) else {"network": ip_network(source)}
    return GroupRule(
        **{"inbound": True, "protocol": protocol, "first": first, "last": last or first, **network, **more}
    )


def group(*rules: GroupRule, id: str = "sg-1", name: str = "web", **more: Any) -> Group:
    return Group(
        **{"id": id, "name": name, "region": "us-east-1", "vpc": "vpc-1", "rules": rules, "tags": TAGS, **more}
    )


def judged(region: Region, sheet: prices.Prices = PRICES) -> tuple[list[Finding], list[str]]:
    judging = Judging(AT, sheet)
    judge(region, judging)
    return settle(judging.found), [one.why for one in judging.doubts]


def found(**given: Any) -> list[str]:
    """The rules that one resource breaks; its metrics are named as the engine names them."""
    return [one.rule.id for one in judged(region(**given))[0]]


def doubts(**given: Any) -> list[str]:
    return judged(region(**given))[1]


def region(gaps: tuple[str, ...] = (), metrics: dict[str, Use] | None = None, **given: Any) -> Region:
    one = Region("us-east-1", **given)
    ids = [each.id for each in (*one.instances, *one.databases)]
    one.use = {(id_, name): value for id_ in ids for name, value in (metrics or {}).items()}
    one.gaps = [Gap("us-east-1", what, "denied") for what in gaps]
    return one


def of(one: Instance, /, cpu: Use | None = None, **more: Use) -> list[str]:
    names = {"memory": "mem_used_percent", "credits": "CPUCreditBalance", "sent": "NetworkOut"}
    metrics = {names[name]: value for name, value in more.items()}
    return found(instances=[one], metrics=metrics | ({"CPUUtilization": cpu} if cpu else {}))


def of_db(one: Database, /, cpu: Use | None = None, **more: Use) -> list[str]:
    names = {"free": "FreeableMemory", "storage": "FreeStorageSpace", "credits": "CPUCreditBalance"}
    metrics = {names[name]: value for name, value in more.items()}
    return found(databases=[one], metrics=metrics | ({"CPUUtilization": cpu} if cpu else {}))


def groups(*given: Group, used: tuple[str, ...] = (), gaps: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    interfaces = [Interface("eni-1", used)]
    one = region(groups=list(given), interfaces=interfaces, gaps=gaps)
    return [(each.rule.id, each.resource) for each in judged(one)[0]]


def fleet(*members: dict[str, Any], gaps: tuple[str, ...] = ()) -> list[str]:
    """An auto scaling group of m5.xlarge with little to do, but for what differs."""
    made, metrics = list[Instance](), dict[tuple[str, str], Use]()
    for n, differs in enumerate(members):
        given = {"size": "m5.xlarge", "cpu": use(5), "memory": use(20), **differs}
        metrics[f"i-{n}", "CPUUtilization"], metrics[f"i-{n}", "mem_used_percent"] = (
            given.pop("cpu"),
            given.pop("memory"),
        )
        made.append(instance(given.pop("size"), id=f"i-{n}", tags=IN_FLEET, **given))
    one = region(gaps, instances=made)
    one.use = metrics
    return [each.rule.id for each in judged(one)[0]]


IN_FLEET = {**TAGS, "aws:autoscaling:groupName": "web", "aws:ec2launchtemplate:id": "lt-1"}
FLEETING = instance("m5.xlarge", tags=IN_FLEET)
DOWN, IDLE, FLEET_DOWN = "instance.one_size_down", "instance.idle", "fleet.one_size_down"
DB_DOWN, STORAGE, DB_GP3 = "database.one_size_down", "database.storage_oversized", "database.gp3"
ENOUGH = use(40, days=12, coverage=0.9)
INSTANCES: list[tuple[str, list[str], list[str]]] = [
    ("t3.medium below a fifth does as t3.small", of(instance(), use(19.9)), [DOWN]),
    ("at a fifth it does not", of(instance(), use(20)), []),
    ("stopped ones are not judged", of(instance(state="stopped"), use(1)), []),
    ("half the processors, and the peak would not fit", of(instance("m5.xlarge"), use(5, 40)), []),
    ("just below, it would", of(instance("m5.xlarge"), use(5, 39.9)), [DOWN]),
    ("more than the smaller baseline, all day", of(instance("t3.xlarge"), use(16)), []),
    ("not a known size", of(instance("x9.huge"), use(1, 3)), []),
    ("no smaller one is known", of(instance("m5.large"), use(5)), []),
    ("the smallest of its family", of(instance("t3.nano"), use(4)), []),
    ("an arm one down to medium", of(instance("m6g.large"), use(5)), [DOWN]),
    ("its memory would not fit", of(instance(), use(5), memory=use(40)), []),
    ("its memory would", of(instance(), use(5), memory=use(39)), [DOWN]),
    ("memory measured for too short is not known", of(instance(), use(5), memory=use(90, days=3)), [DOWN]),
    ("its credits run out", of(instance(), use(5), credits=use(50, least=19)), []),
    ("they do not", of(instance(), use(5), credits=use(50, least=20)), [DOWN]),
    ("who has no credits runs out of none", of(instance("m5.xlarge"), use(5), credits=use(0)), [DOWN]),
    ("neither computes nor talks", of(instance(), use(1, 2), sent=use(5e6)), [IDLE]),
    ("computes a little more", of(instance(), use(1, 2.1), sent=use(5e6)), [DOWN]),
    ("talks a little more", of(instance(), use(1), sent=use(5e6 + 1)), [DOWN]),
    ("what it sends is not known", of(instance(), use(1)), [DOWN]),
    ("what it sends is not known for long enough", of(instance(), use(1), sent=use(0, days=11)), [DOWN]),
    ("spot", of(instance(is_spot=True), use(5)), [DOWN]),
    ("resized yesterday: the fortnight is the old size's", of(instance("m5.xlarge", launched_at=NEW), use(5)), []),
    ("nor is it idle", of(instance(launched_at=NEW), use(1), sent=use(0)), []),
    ("of a fleet of one", of(FLEETING, use(5)), [FLEET_DOWN]),
    ("of a fleet, idle: it would come back", of(instance("m5.large", tags=IN_FLEET), use(1), sent=use(0)), []),
]
FLEETS: list[tuple[str, list[str], list[str]]] = [
    ("all of them have little to do", fleet({}, {}), [FLEET_DOWN]),
    ("one is busy", fleet({}, {"cpu": use(60)}), []),
    ("one has too little memory", fleet({}, {"memory": use(70)}), []),
    ("one is new", fleet({}, {"launched_at": NEW}), []),
    ("they are of two sizes", fleet({}, {"size": "m5.2xlarge"}), []),
    ("one was stopped by hand", fleet({}, {"state": "stopped"}), [FLEET_DOWN]),
    ("not all were read", fleet({}, {}, gaps=("instances",)), []),
]
DATABASES: list[tuple[str, list[str], list[str]]] = [
    ("a class smaller", of_db(database(), use(10), free=use(12 * GIB)), [DB_DOWN]),
    ("busy", of_db(database(), use(30), free=use(12 * GIB)), []),
    ("its memory is not known", of_db(database(), use(10)), []),
    ("not for long enough", of_db(database(), use(10), free=use(12 * GIB, days=11)), []),
    ("its memory would not fit", of_db(database(), use(10), free=use(9.6 * GIB)), []),
    ("its memory just fits", of_db(database(), use(10), free=use(9.7 * GIB)), [DB_DOWN]),
    ("a size that is not known", of_db(database(size="db.x9.huge"), use(1)), []),
    ("no smaller one", of_db(database(size="db.m5.large"), use(1)), []),
    ("its credits run out", of_db(database(size="db.t3.large"), use(5), free=use(7 * GIB), credits=use(1)), []),
    ("half of its storage is empty", of_db(database(storage_gib=100), ENOUGH, storage=use(50 * GIB)), [STORAGE]),
    ("a little less than half", of_db(database(storage_gib=100), ENOUGH, storage=use(49 * GIB)), []),
    ("too small to matter", of_db(database(storage_gib=99), ENOUGH, storage=use(98 * GIB)), []),
    ("not measured", of_db(database(storage_gib=100), ENOUGH), []),
    ("not for long enough", of_db(database(storage_gib=100), ENOUGH, storage=use(90 * GIB, days=2)), []),
    ("a cluster's grows and shrinks", of_db(database(storage_gib=500, in_cluster=True), ENOUGH, storage=use(GIB)), []),
    ("production in one zone", of_db(database(is_multi_az=False), ENOUGH), ["database.one_zone"]),
    ("a replica in one zone", of_db(database(is_multi_az=False, is_replica=True), ENOUGH), []),
    ("staging in one zone", of_db(database(is_multi_az=False, tags={**TAGS, "Environment": "staging"}), ENOUGH), []),
    ("trials in two", of_db(database(tags={**TAGS, "Environment": "Dev"}), ENOUGH), ["database.trial_in_two_zones"]),
    ("staging in two", of_db(database(tags={**TAGS, "Environment": "staging"}), ENOUGH), []),
    ("whose it is nobody says: two zones stay", of_db(database(tags={**TAGS, "Environment": "x"}), ENOUGH), []),
    ("a replica for trials", of_db(database(is_replica=True, tags={**TAGS, "Environment": "dev"}), ENOUGH), []),
    ("production keeps 34 days", of_db(database(backup_days=34), ENOUGH), ["database.backups"]),
    ("staging 14", of_db(database(backup_days=14, tags={**TAGS, "Environment": "staging"}), ENOUGH), []),
    ("none at all", of_db(database(backup_days=0, is_multi_az=False, tags={**TAGS, "Environment": "dev"}), ENOUGH),
     ["database.backups"]),
    ("a replica has its primary's", of_db(database(backup_days=0, is_replica=True), ENOUGH), []),
    ("not encrypted", of_db(database(is_encrypted=False), ENOUGH), ["database.unencrypted"]),
    ("public", of_db(database(is_public=True), ENOUGH), ["database.public"]),
    ("its class was changed last week", of_db(database(resized_at=NEW), use(10), free=use(12 * GIB)), []),
    ("long ago", of_db(database(resized_at=AT - timedelta(days=20)), use(10), free=use(12 * GIB)), [DB_DOWN]),
    ("after the fortnight that is looked at", of_db(database(resized_at=AT + timedelta(days=2)), use(10),
                                                    free=use(12 * GIB)), [DB_DOWN]),
    ("gp2", of_db(database(storage_type="gp2"), ENOUGH), [DB_GP3]),
    ("gp2 of 4,000 GiB has the 12,000 of gp3", of_db(database(storage_type="gp2", storage_gib=4000), ENOUGH), [DB_GP3]),
    ("a larger one would pay for more", of_db(database(storage_type="gp2", storage_gib=4001), ENOUGH), []),
    ("io1", of_db(database(storage_type="io1", iops=3000), ENOUGH), [DB_GP3]),
    ("below 400 GiB gp3 sells no operations", of_db(database(storage_type="io1", iops=3001), ENOUGH), []),
    ("from there on it does", of_db(database(storage_type="io1", storage_gib=400, iops=20_000), ENOUGH), [DB_GP3]),
    ("not so many", of_db(database(storage_type="io1", storage_gib=4000, iops=64_001), ENOUGH), []),
    ("no price: said, without one", of_db(database(storage_type="io2", iops=1000), ENOUGH), [DB_GP3]),
    ("another engine has other figures", of_db(database(storage_type="io1", iops=1000, engine="oracle-ee"), ENOUGH),
     []),
    ("a cluster has no storage of its own", of_db(database(storage_type="gp2", in_cluster=True), ENOUGH), []),
]  # fmt: skip
VOLUMES: list[tuple[str, list[str], list[str]]] = [
    ("sound", found(volumes=[volume()]), []),
    ("attached to nothing", found(volumes=[volume(is_attached=False)]), ["volume.unattached"]),
    ("just made", found(volumes=[volume(is_attached=False, created_at=NEW)]), []),
    ("gp2", found(volumes=[volume(type="gp2")]), ["volume.gp3"]),
    ("its operations and throughput are bought", found(volumes=[volume(type="gp2", size_gib=5000)]), ["volume.gp3"]),
    ("what it gives at its best costs more as gp3", found(volumes=[volume(type="gp2", size_gib=171)]), []),
    ("no price: said, without one", found(volumes=[volume(type="gp2", region="xx-none-1")]), ["volume.gp3"]),
    ("io1", found(volumes=[volume(type="io1", iops=3000)]), ["volume.gp3"]),
    ("io2 with more than gp3 comes with", found(volumes=[volume(type="io2", iops=4000)]), ["volume.gp3"]),
    ("with more throughput than gp3 can have", found(volumes=[volume(type="io2", iops=4004)]), []),
    ("with more operations", found(volumes=[volume(type="io1", iops=16_001)]), []),
    ("however few its operations", found(volumes=[volume(type="io1", size_gib=4, iops=100)]), ["volume.gp3"]),
    ("attached to several: gp3 is not", found(volumes=[volume(type="io2", iops=100, is_shared=True)]), []),
    ("not encrypted", found(volumes=[volume(is_encrypted=False)]), ["volume.unencrypted"]),
    ("deleting ends the rest", found(volumes=[volume(is_attached=False, is_encrypted=False, type="gp2")]),
     ["volume.unencrypted", "volume.gp3", "volume.unattached"]),
    ("tags", found(volumes=[volume(tags={**TAGS, "Owner": " "})]), ["tags.missing"]),
]  # fmt: skip
SHORT = "has had its size for less than a fortnight"
DOUBTS: list[tuple[str, list[str], list[str]]] = [
    ("enough", doubts(instances=[instance()], metrics={"CPUUtilization": ENOUGH}), []),
    ("eleven days", doubts(instances=[instance()], metrics={"CPUUtilization": use(1, days=11, coverage=0.95)}),
     ["measured on 11 of 14 days, 95% of the time"]),
    ("gaps", doubts(instances=[instance()], metrics={"CPUUtilization": use(1, coverage=0.89)}),
     ["measured on 14 of 14 days, 89% of the time"]),
    ("nothing", doubts(instances=[instance()]), ["no metrics"]),
    ("new", doubts(instances=[instance(launched_at=NEW)]), [SHORT]),
    ("resized", doubts(instances=[instance(launched_at=NEW)], metrics={"CPUUtilization": use(5)}), [SHORT]),
    ("a database resized", doubts(databases=[database(resized_at=NEW)], metrics={"CPUUtilization": use(5)}), [SHORT]),
    ("whether it was is not known", doubts(databases=[database()], metrics={"CPUUtilization": use(5)},
                                           gaps=("modifications",)), ["whether it was changed could not be read"]),
    ("denied", doubts(instances=[instance()], gaps=("CPUUtilization",)), ["metrics could not be read"]),
    ("database: eleven days", doubts(databases=[database()], metrics={"CPUUtilization": use(1, days=11)}),
     ["measured on 11 of 14 days, 100% of the time"]),
    ("database: nothing", doubts(databases=[database()]), ["no metrics"]),
    ("database: new", doubts(databases=[database(created_at=NEW)]), [SHORT]),
    ("database: denied", doubts(databases=[database()], gaps=("CPUUtilization",)), ["metrics could not be read"]),
]  # fmt: skip
ANY4, ANY6 = "0.0.0.0/0", "::/0"
WIDE = rule("10.0.0.0/8")
MANY = tuple(rule(first=9000 + n) for n in range(47))
GROUPS: list[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]] = [
    ("sound", groups(group(rule()), used=("sg-1",)), []),
    ("SSH to everybody", groups(group(rule(ANY4, 22)), used=("sg-1",)), [("group.open_admin", "sg-1")]),
    ("SSH over IPv6 alone", groups(group(rule(ANY6, 22)), used=("sg-1",)), [("group.open_admin", "sg-1")]),
    ("both are one finding", groups(group(rule(ANY4, 22), rule(ANY6, 22)), used=("sg-1",)),
     [("group.open_admin", "sg-1")]),
    ("half the internet", groups(group(rule("128.0.0.0/1", 22)), used=("sg-1",)), [("group.open_admin", "sg-1")]),
    ("a quarter of it", groups(group(*(rule(f"{n}.0.0.0/2", 22) for n in (0, 64, 128, 192))), used=("sg-1",)),
     [("group.open_admin", "sg-1")]),
    ("as wide as a private network is", groups(group(rule("11.0.0.0/8", 22)), used=("sg-1",)), []),
    ("all public IPv6", groups(group(rule("2000::/3", 22)), used=("sg-1",)), [("group.open_admin", "sg-1")]),
    ("a data store in a span", groups(group(rule(ANY6, 5000, 5500)), used=("sg-1",)), [("group.open_data", "sg-1")]),
    ("another port", groups(group(rule(ANY4, 8443)), used=("sg-1",)), [("group.open_port", "sg-1")]),
    ("web ports may be", groups(group(rule(ANY4, 443), rule(ANY6, 80)), used=("sg-1",)), []),
    ("everything", groups(group(rule(ANY4, 0, 65535, "all")), used=("sg-1",)), [("group.open_admin", "sg-1")]),
    ("ping may be", groups(group(rule(ANY6, -1, -1, "icmpv6")), used=("sg-1",)), []),
    ("a protocol of its own", groups(group(rule(ANY4, -1, -1, "50")), used=("sg-1",)), [("group.open_port", "sg-1")]),
    ("outwards is not inwards", groups(group(rule(), rule(ANY4, 22, inbound=False)), used=("sg-1",)), []),
    ("a group is not everybody", groups(group(rule(first=22, group="sg-1")), used=("sg-1",)), []),
    ("unused", groups(group(rule())), [("group.unused", "sg-1")]),
    ("the default one stays", groups(group(rule(), name="default")), []),
    ("naming itself is no use", groups(group(rule(group="sg-1"))), [("group.unused", "sg-1")]),
    ("named by a used one", groups(group(rule()), group(rule(group="sg-1"), id="sg-2"), used=("sg-2",)),
     [("group.only_named", "sg-1")]),
    ("named by unused ones", groups(group(rule(group="sg-2")), group(rule(group="sg-1"), id="sg-2")),
     [("group.only_named", "sg-1"), ("group.only_named", "sg-2")]),
    ("interfaces were denied: nobody can tell", groups(group(rule()), gaps=("interfaces",)), []),
    ("groups were cut short: nor here", groups(group(rule(), rule()), gaps=("groups",)),
     [("group.duplicate_rule", "sg-1")]),
    ("said twice", groups(group(rule(first=0, last=9, protocol="all"), rule(first=0, last=65535, protocol="all")),
                          used=("sg-1",)), [("group.duplicate_rule", "sg-1")]),
    ("a part of another", groups(group(rule(), WIDE), used=("sg-1",)), [("group.shadowed_rule", "sg-1")]),
    ("fewer ports", groups(group(rule(first=443), rule(first=400, last=500)), used=("sg-1",)),
     [("group.shadowed_rule", "sg-1")]),
    ("a code of ICMP is no span of ports", groups(group(rule(protocol="icmp", first=3, last=4), rule(
        "10.0.0.0/8", protocol="icmp", first=0, last=8)), used=("sg-1",)), []),
    ("another code", groups(group(rule(protocol="icmp", first=3, last=4), rule(
        "10.0.0.0/8", protocol="icmp", first=3, last=1)), used=("sg-1",)), []),
    ("every code of its type", groups(group(rule(protocol="icmp", first=3, last=4), rule(
        "10.0.0.0/8", protocol="icmp", first=3, last=-1)), used=("sg-1",)), [("group.shadowed_rule", "sg-1")]),
    ("every type", groups(group(rule("fd00::/64", protocol="icmpv6", first=128, last=0), rule(
        "fd00::/32", protocol="icmpv6", first=-1, last=-1)), used=("sg-1",)), [("group.shadowed_rule", "sg-1")]),
    ("one type is not every type", groups(group(rule(protocol="icmp", first=-1, last=-1), rule(
        "10.0.0.0/8", protocol="icmp", first=8, last=-1)), used=("sg-1",)), []),
    ("other ports", groups(group(rule(first=443), rule("10.0.0.0/8", 80)), used=("sg-1",)), []),
    ("another protocol", groups(group(rule(), rule("10.0.0.0/8", protocol="udp")), used=("sg-1",)), []),
    ("any protocol", groups(group(rule(), rule("10.0.0.0/8", protocol="all")), used=("sg-1",)),
     [("group.shadowed_rule", "sg-1")]),
    ("the other way", groups(group(rule(), rule("10.0.0.0/8", inbound=False)), used=("sg-1",)), []),
    ("IPv6 within IPv6", groups(group(rule("fd00::/64"), rule("fd00::/32")), used=("sg-1",)),
     [("group.shadowed_rule", "sg-1")]),
    ("IPv4 is not within IPv6", groups(group(rule(), rule("fd00::/8")), used=("sg-1",)), []),
    ("the same group, more ports", groups(group(rule(group="sg-1"), rule(first=1, last=999, group="sg-1")),
                                          used=("sg-1",)), [("group.shadowed_rule", "sg-1")]),
    ("47 rules", groups(group(*MANY), used=("sg-1",)), []),
    ("48 rules", groups(group(*MANY, rule()), used=("sg-1",)), [("group.near_quota", "sg-1")]),
    ("IPv4 and IPv6 count apart", groups(group(*MANY, rule("fd00::/64")), used=("sg-1",)), []),
    ("a prefix list counts in both", groups(group(*MANY, rule(prefix_list="pl-1")), used=("sg-1",)),
     [("group.near_quota", "sg-1")]),
    ("the same rules", groups(group(rule()), group(rule(), id="sg-2"), used=("sg-1", "sg-2")),
     [("group.duplicate_group", "sg-2")]),
    ("in other networks", groups(group(rule()), group(rule(), id="sg-2", vpc="vpc-2"), used=("sg-1", "sg-2")), []),
    ("no rules at all", groups(group(), group(id="sg-2"), used=("sg-1", "sg-2")), []),
    ("tags", groups(group(rule(), tags={}), used=("sg-1",)), [("tags.missing", "sg-1")]),
]  # fmt: skip
TABLES = {
    "instances": INSTANCES,
    "fleets": FLEETS,
    "databases": DATABASES,
    "volumes": VOLUMES,
    "doubts": DOUBTS,
    "groups": GROUPS,
}

if __name__ == "__main__":
    wrong = [(table, words, got) for table, cases in TABLES.items() for words, got, want in cases if got != want]
    raise SystemExit("\n".join(map(str, wrong)) or 0)
