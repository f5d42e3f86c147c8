"""What was read of one region, in the few words that rules need."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network

Tags = dict[str, str]
LINUX = "Linux/UNIX"
FLEET, TEMPLATE = "aws:autoscaling:groupName", "aws:ec2launchtemplate:id"


@dataclass(frozen=True)
class Use:
    """A metric's fortnight as one series of two-hour values, with how much of it there is.

    Of maxima `p95` and `p995` are upper bounds of those of the samples, so a peak is never smoothed away. `least` is
    the smallest value, which is what counts for free memory and for credits. All None without a single point.
    """

    p95: float | None = None
    p995: float | None = None
    least: float | None = None
    days: int = 0
    coverage: float = 0.0

    @property
    def is_enough(self) -> bool:
        return self.days >= 12 and self.coverage >= 0.9


@dataclass(frozen=True)
class Instance:
    id: str
    region: str
    size: str
    state: str
    launched_at: datetime
    tags: Tags
    groups: tuple[str, ...] = ()
    is_spot: bool = False
    platform: str = LINUX
    tenancy: str = "default"
    is_watched_closely: bool = False  # measured every minute instead of every five

    @property
    def fleet(self) -> str:
        """The auto scaling group that makes and ends it: what is changed on it alone does not last."""
        return self.tags.get(FLEET, "")

    @property
    def is_listed(self) -> bool:
        """Whether the list price of a size is its price: Linux, on demand, on shared hardware."""
        return self.platform == LINUX and self.tenancy == "default" and not self.is_spot


@dataclass(frozen=True)
class Fleet:
    """The instances of one auto scaling group. `size` is empty where they are of several."""

    name: str
    region: str
    members: tuple[Instance, ...]

    @property
    def id(self) -> str:
        return f"asg/{self.name}"

    @property
    def size(self) -> str:
        sizes = {one.size for one in self.members}
        return sizes.pop() if len(sizes) == 1 else ""

    @property
    def tags(self) -> Tags:
        return self.members[0].tags


@dataclass(frozen=True)
class Volume:
    """`iops` and `mibps` are what it was given, where its type lets that be chosen."""

    id: str
    region: str
    type: str
    size_gib: int
    iops: int
    is_attached: bool
    is_encrypted: bool
    created_at: datetime
    tags: Tags
    mibps: int = 0
    is_shared: bool = False


@dataclass(frozen=True)
class Database:
    id: str
    region: str
    size: str
    engine: str
    storage_gib: int
    storage_type: str
    is_multi_az: bool
    is_encrypted: bool
    is_public: bool
    backup_days: int
    created_at: datetime
    tags: Tags
    groups: tuple[str, ...] = ()
    is_replica: bool = False
    in_cluster: bool = False
    iops: int = 0
    mibps: int = 0
    resized_at: datetime | None = None


@dataclass(frozen=True)
class GroupRule:
    """One rule with one source. Exactly one of `network`, `group` and `prefix_list` is set; no port: all of them.

    Of ICMP `first` is the type and `last` the code, as AWS writes them; -1 is every one.
    """

    inbound: bool
    protocol: str
    first: int
    last: int
    network: IPv4Network | IPv6Network | None = None
    group: str = ""
    prefix_list: str = ""

    @property
    def is_icmp(self) -> bool:
        return self.protocol in ("icmp", "icmpv6")

    @property
    def source(self) -> str:
        return str(self.network) if self.network else self.group or self.prefix_list

    @property
    def ports(self) -> str:
        if self.protocol == "all":
            return "everything"
        if self.is_icmp:
            return " ".join([self.protocol, *(f"{part}" for part in (self.first, self.last) if part != -1)])
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {span}"


@dataclass(frozen=True)
class Group:
    id: str
    name: str
    region: str
    vpc: str
    rules: tuple[GroupRule, ...]
    tags: Tags


Thing = Instance | Fleet | Volume | Database | Group


@dataclass(frozen=True)
class Interface:
    """A network interface and the groups it is in."""

    id: str
    groups: tuple[str, ...]


@dataclass(frozen=True, order=True)
class Gap:
    """Something that could not be read, so what depends on it is not said."""

    region: str
    what: str
    why: str
    words: str = ""


@dataclass
class Region:
    """One region as read. `gaps` names what is missing or cut short: rules that need the whole of it stay silent."""

    name: str
    instances: list[Instance] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    databases: list[Database] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    use: dict[tuple[str, str], Use] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def fleets(self) -> list[Fleet]:
        """The running instances of auto scaling groups, together."""
        of: dict[str, list[Instance]] = defaultdict(list)
        for one in self.instances:
            if one.fleet and one.state == "running":
                of[one.fleet].append(one)
        return [Fleet(name, self.name, tuple(of[name])) for name in sorted(of)]

    def things(self) -> Iterator[Thing]:
        """Everything that a finding may be about."""
        yield from self.instances
        yield from self.fleets()
        yield from self.volumes
        yield from self.databases
        yield from self.groups

    def is_whole(self, *what: str) -> bool:
        return not {gap.what for gap in self.gaps} & set(what)

    def of(self, resource: str, metric: str) -> Use:
        """How a resource uses something; without a point where nothing was read."""
        return self.use.get((resource, metric), Use())
