"""Volumes: those attached to nothing, and gp2, io1 and io2 that would be cheaper and no slower as gp3."""

from dataclasses import replace
from datetime import timedelta

from ..costs import cost_of
from ..facts import Volume
from ..findings import Judging, Rule, change_of
from ..prices import FREE_IOPS, FREE_MIBPS, NOTHING

UNATTACHED = Rule("volume.unattached", 1, "Attached to nothing", "cost", "delete", "low", "medium", 90)
GP3 = Rule("volume.gp3", 2, "gp3 is cheaper and no slower", "cost", "modify", "low", "low", 40)
OPEN = Rule("volume.unencrypted", 1, "Not encrypted", "security", "recreate", "high", "medium", 20)

SETTLED = timedelta(days=14)
MOST_IOPS, MOST_MIBPS = 16_000, 1_000  # of gp3
PROMISES = "gp3 promises no latency under a millisecond, and less durability than io2"


def judge(one: Volume, judging: Judging) -> None:
    if not one.is_attached:
        _unattached(one, judging)
    if one.type in ("gp2", "io1", "io2") and not one.is_shared:
        _gp3(one, judging)
    if not one.is_encrypted:
        _unencrypted(one, judging)


def _unattached(one: Volume, judging: Judging) -> None:
    """A new one is about to be attached; when an old one was let go AWS does not say."""
    if judging.at - one.created_at < SETTLED:
        return
    judging.find(
        UNATTACHED,
        one.id,
        one.region,
        f"{one.size_gib} GiB {one.type} attached to nothing",
        one.tags,
        evidence={"created_at": one.created_at.isoformat(), "size_gib": one.size_gib},
        confidence="medium",
        reasons=("AWS does not say since when: take a snapshot before it is deleted",),
        saving=judging.prices.saving(cost_of(one, judging.prices), NOTHING),
        change=change_of(one.id, "count", 1, 0),
    )


def gives(one: Volume) -> tuple[int, int]:
    """What a volume gives at its best, after its type's documented curve: operations and MiB a second.

    Small gp2 give 128 MiB, which counts as the 125 of gp3. io1 and io2 move 256 KiB an operation, io1 up to 500 MiB.
    """
    if one.type == "gp2":
        return min(16_000, max(100, 3 * one.size_gib)), 250 if one.size_gib > 170 else FREE_MIBPS
    return one.iops, min(one.iops // 4, 500 if one.type == "io1" else 4_000)


def as_gp3(one: Volume) -> Volume | None:
    """The same volume as gp3, given all that it has now; None where gp3 cannot give that much."""
    iops, mibps = gives(one)
    if iops > MOST_IOPS or mibps > MOST_MIBPS:
        return None
    return replace(one, type="gp3", iops=max(iops, FREE_IOPS), mibps=max(mibps, FREE_MIBPS))


def _gp3(one: Volume, judging: Judging) -> None:
    """Only where the same performance costs less: what gp3 does not come with is bought, and part of the change."""
    wanted = as_gp3(one)
    if wanted is None:
        return
    before, after = cost_of(one, judging.prices), cost_of(wanted, judging.prices)
    if before is not None and after is not None and after.usd >= before.usd:
        return
    given = {"iops": (one.iops, wanted.iops), "throughput": (one.mibps, wanted.mibps)}
    judging.find(
        GP3,
        one.id,
        one.region,
        f"{one.size_gib} GiB {one.type} as gp3",
        one.tags,
        evidence={"size_gib": one.size_gib, "iops": wanted.iops, "mibps": wanted.mibps},
        confidence="high" if one.type == "gp2" else "medium",
        reasons=() if one.type == "gp2" else (PROMISES,),
        saving=judging.prices.saving(before, after),
        change=change_of(one.id, "volume_type", one.type, "gp3", given),
    )


def _unencrypted(one: Volume, judging: Judging) -> None:
    judging.find(
        OPEN,
        one.id,
        one.region,
        "The volume is not encrypted",
        one.tags,
        evidence={"encrypted": False},
        reasons=("it is encrypted by copying its snapshot, not in place",),
        change=change_of(one.id, "encrypted", False, True),
    )
