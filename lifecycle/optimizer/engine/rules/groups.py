"""Security groups: what is open to everybody (over IPv4 or IPv6), what is said twice, and what nobody needs."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

from ..facts import Group, GroupRule, Region
from ..findings import Grade, Judging, Rule, change_of

ADMIN = Rule("group.open_admin", 2, "Administration open to everybody", "security", "modify", "low", "medium", 1)
DATA = Rule("group.open_data", 2, "A data store open to everybody", "security", "modify", "low", "medium", 1)
OTHER = Rule("group.open_port", 2, "Open to everybody", "security", "modify", "low", "medium", 3)
UNUSED = Rule("group.unused", 1, "Nothing is in it, nothing names it", "security", "delete", "low", "low", 90)
NAMED = Rule("group.only_named", 1, "Nothing is in it, but rules name it", "security", "modify", "medium", "low", 85)
TWICE = Rule("group.duplicate_rule", 1, "A rule that is said twice", "security", "modify", "low", "low", 70)
SHADOWED = Rule("group.shadowed_rule", 2, "A rule that changes nothing", "security", "modify", "low", "low", 70)
SAME = Rule("group.duplicate_group", 1, "The same rules as another group", "security", "modify", "medium", "low", 75)
NEAR = Rule("group.near_quota", 1, "Near the quota of rules", "security", "modify", "medium", "low", 65)

ADMIN_PORTS = (22, 3389, 5985, 5986)
DATA_PORTS = (1433, 1521, 2049, 3306, 5432, 5439, 6379, 9200, 11211, 27017)
PUBLIC_PORTS = (80, 443)
QUOTA, NEAR_SHARE = 60, 0.8
WIDEST = {4: 8, 6: 16}


def judge(region: Region, judging: Judging) -> None:
    """All groups of a region. What needs every interface and every group is said only where all were read."""
    for group in region.groups:
        _open(group, judging)
        _said_twice(group, judging)
        _quota(group, judging)
    if region.is_whole("groups", "interfaces", "databases"):
        _without_use(region, judging)
    if region.is_whole("groups"):
        _same(region, judging)


def is_everybody(network: IPv4Network | IPv6Network | None) -> bool:
    """Wider than anybody's own network: what terraform/modules/rule_set calls the internet."""
    return network is not None and network.prefixlen < WIDEST[network.version]


def danger(rule: GroupRule) -> Rule | None:
    """Which rule an open port breaks; None for web ports and for what carries no ports."""
    if rule.is_icmp:
        return None
    if rule.protocol not in ("tcp", "udp", "all"):
        return OTHER
    if any(rule.first <= port <= rule.last for port in ADMIN_PORTS):
        return ADMIN
    if any(rule.first <= port <= rule.last for port in DATA_PORTS):
        return DATA
    return None if rule.first == rule.last and rule.first in PUBLIC_PORTS else OTHER


def _open(group: Group, judging: Judging) -> None:
    """One finding for each span of ports; IPv4 and IPv6 are its evidence."""
    spans: dict[str, list[GroupRule]] = defaultdict(list)
    for rule in group.rules:
        if rule.inbound and is_everybody(rule.network) and danger(rule):
            spans[rule.ports].append(rule)
    for ports, rules in sorted(spans.items()):
        broken, sources = danger(rules[0]), sorted({rule.source for rule in rules})
        assert broken is not None
        judging.find(
            broken,
            group.id,
            group.region,
            f"{group.name}: {ports} open to {' and '.join(sources)}",
            group.tags,
            key=ports,
            evidence={"ports": ports, "sources": sources},
            change=change_of(group.id, f"ingress.{ports}", sources, []),
        )


def normal(rule: GroupRule) -> GroupRule:
    """The same rule in one spelling: whatever the protocol's ports, `all` has every one."""
    return replace(rule, first=0, last=65535) if rule.protocol == "all" else rule


def covers(wide: GroupRule, narrow: GroupRule) -> bool:
    """Whether one rule lets in everything that another does."""
    if wide.inbound != narrow.inbound or wide.protocol not in ("all", narrow.protocol):
        return False
    if wide.protocol != "all" and not _spans(wide, narrow):
        return False
    if wide.network is None or narrow.network is None:
        return wide.source == narrow.source
    if isinstance(wide.network, IPv4Network):
        return isinstance(narrow.network, IPv4Network) and narrow.network.subnet_of(wide.network)
    return isinstance(narrow.network, IPv6Network) and narrow.network.subnet_of(wide.network)


def _spans(wide: GroupRule, narrow: GroupRule) -> bool:
    """Ports are a span; a type and a code of ICMP are names, and only -1 stands for all of them."""
    if narrow.is_icmp:
        return wide.first in (-1, narrow.first) and (wide.first == -1 or wide.last in (-1, narrow.last))
    return wide.first <= narrow.first and narrow.last <= wide.last


def _said_twice(group: Group, judging: Judging) -> None:
    counts = Counter(normal(rule) for rule in group.rules)
    for rule, count in counts.items():
        if count > 1:
            _about(TWICE, group, rule, judging, {"times": count})
            continue
        wider = sorted({other.ports + " " + other.source for other in counts if other != rule and covers(other, rule)})
        if wider:
            _about(SHADOWED, group, rule, judging, {"covered_by": wider})


def _about(broken: Rule, group: Group, rule: GroupRule, judging: Judging, more: dict[str, object]) -> None:
    way = "from" if rule.inbound else "to"
    said = f"{rule.ports} {way} {rule.source}"
    judging.find(
        broken,
        group.id,
        group.region,
        f"{group.name}: {said}",
        group.tags,
        key=said,
        evidence={"rule": said, **more},
        change=change_of(group.id, f"{'ingress' if rule.inbound else 'egress'}.{rule.ports}", rule.source, None),
    )


def counted(rules: Iterable[GroupRule]) -> int:
    """As the quota counts: IPv4 and IPv6 apart, and a rule that names a group or a prefix list in both."""
    versions = Counter(rule.network.version if rule.network else 0 for rule in rules)
    return max(versions[4], versions[6]) + versions[0]


def _quota(group: Group, judging: Judging) -> None:
    for inbound, way in ((True, "inbound"), (False, "outbound")):
        count = counted(rule for rule in group.rules if rule.inbound == inbound)
        if count < QUOTA * NEAR_SHARE:
            continue
        has_lists = any(rule.prefix_list for rule in group.rules)
        judging.find(
            NEAR,
            group.id,
            group.region,
            f"{group.name}: {count} of {QUOTA} {way} rules",
            group.tags,
            key=way,
            evidence={"way": way, "rules": count, "quota": QUOTA},
            reasons=("a prefix list counts as the most entries it may have, and here as one",) if has_lists else (),
        )


def _without_use(region: Region, judging: Judging) -> None:
    """A group that another group's rule names is not unused: it cannot be deleted, and the rule lets nobody in."""
    used = {group for one in region.interfaces for group in one.groups}
    used |= {group for database in region.databases for group in database.groups}
    used |= {group for instance in region.instances for group in instance.groups}
    naming: dict[str, set[str]] = defaultdict(set)
    for group in region.groups:
        for rule in group.rules:
            if rule.group and rule.group != group.id:
                naming[rule.group].add(group.id)
    for group in region.groups:
        if group.id not in used and group.name != "default":
            _unused(group, sorted(naming[group.id]), used, judging)


def _unused(group: Group, named_by: list[str], used: set[str], judging: Judging) -> None:
    launch = ("launch templates and services scaled to nothing are not seen here",)
    if not named_by:
        change = change_of(group.id, "count", 1, 0)
        words = f"{group.name}: nothing is in it"
        evidence: dict[str, object] = {"interfaces": 0, "named_by": []}
        judging.find(
            UNUSED, group.id, group.region, words, group.tags,
            evidence=evidence, confidence="medium", reasons=launch, change=change,
        )  # fmt: skip
        return
    live = [one for one in named_by if one in used]
    confidence: Grade = "high" if live else "medium"
    why = "used groups name it" if live else "only groups that nothing is in name it"
    judging.find(
        NAMED,
        group.id,
        group.region,
        f"{group.name}: nothing is in it, {len(named_by)} groups name it",
        group.tags,
        evidence={"interfaces": 0, "named_by": named_by, "of_these_used": live},
        confidence=confidence,
        reasons=(f"{why}; their rules let nobody in, and must go before the group can", *launch),
    )


def _same(region: Region, judging: Judging) -> None:
    """Groups of one network with the same rules, two at least; the first by id is the one that would stay."""
    alike: dict[tuple[str, frozenset[GroupRule]], list[Group]] = defaultdict(list)
    for group in region.groups:
        inbound = [rule for rule in group.rules if rule.inbound]
        if inbound:
            alike[group.vpc, frozenset(normal(rule) for rule in group.rules)].append(group)
    for groups in alike.values():
        first, *others = sorted(groups, key=lambda one: one.id)
        for group in others:
            judging.find(
                SAME,
                group.id,
                group.region,
                f"{group.name}: the same rules as {first.name}",
                group.tags,
                evidence={"same_as": first.id, "rules": len(group.rules)},
                confidence="medium",
                reasons=("groups with the same rules may be kept apart on purpose, to be named by others",),
            )
