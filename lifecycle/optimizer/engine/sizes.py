"""Sizes of instances: what one size has, and the next one down of the same family."""

from dataclasses import dataclass

LADDER = (
    "nano",
    "micro",
    "small",
    "medium",
    "large",
    "xlarge",
    "2xlarge",
    "4xlarge",
    "8xlarge",
    "12xlarge",
    "16xlarge",
)
BURSTABLE = ("t3", "t3a", "t4g")
# Of burstable families: vCPUs, GiB, and the share of its vCPUs (in percent) a size may use for ever.
BURSTS = {
    "nano": (2, 0.5, 5.0),
    "micro": (2, 1.0, 10.0),
    "small": (2, 2.0, 20.0),
    "medium": (2, 4.0, 20.0),
    "large": (2, 8.0, 30.0),
    "xlarge": (4, 16.0, 40.0),
    "2xlarge": (8, 32.0, 40.0),
}
GIB_A_VCPU = {"c": 2.0, "m": 4.0, "r": 8.0}
VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "16xlarge": 64}
WITH_MEDIUM = ("m6g", "m7g", "c6g", "c7g", "r6g", "r7g")


@dataclass(frozen=True)
class Size:
    """`baseline` is None where the size is not burstable."""

    name: str
    vcpus: int
    gib: float
    baseline: float | None = None


def size_of(name: str) -> Size | None:
    """What a size has; None for one that is not known here: then nothing is said about it."""
    family, _, step = name.removeprefix("db.").partition(".")
    if family in BURSTABLE and step in BURSTS:
        vcpus, gib, baseline = BURSTS[step]
        return Size(name, vcpus, gib, baseline)
    if step == "medium" and family in WITH_MEDIUM:
        return Size(name, 1, GIB_A_VCPU[family[0]])
    if family[:1] in GIB_A_VCPU and family[1:2].isdigit() and step in VCPUS:
        return Size(name, VCPUS[step], VCPUS[step] * GIB_A_VCPU[family[0]])
    return None


def one_down(name: str) -> Size | None:
    """The next size down, of the same family; None where there is none."""
    head, _, step = name.rpartition(".")
    if step not in LADDER or LADDER.index(step) == 0:
        return None
    return size_of(f"{head}.{LADDER[LADDER.index(step) - 1]}")
