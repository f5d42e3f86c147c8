"""Instances: idle ones, and those that would do with the next size down; of a fleet all together."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..costs import cost_of, resized
from ..facts import TEMPLATE, Fleet, Instance, Region, Use
from ..findings import Grade, Judging, Rule, change_of
from ..metrics import CPU, CREDITS, DAYS, MEMORY, SENT
from ..prices import NOTHING, Saving
from ..sizes import Size, one_down, size_of

IDLE = Rule("instance.idle", 2, "Does nothing", "cost", "delete", "low", "medium", 90)
SMALLER = Rule("instance.one_size_down", 2, "One size smaller is enough", "cost", "resize", "medium", "medium", 50)
TOGETHER = Rule("fleet.one_size_down", 1, "One size smaller is enough", "cost", "resize", "medium", "medium", 50)

QUIET_CPU, QUIET_BYTES = 2.0, 5_000_000.0
LOW, HIGHEST = 20.0, 80.0
FEW_CREDITS = 20.0
LIST_DIFFERS = "the list has prices of Linux on demand on shared hardware only"


def judge(region: Region, one: Instance, judging: Judging) -> None:
    """Say nothing of one that does not run, was not measured long enough, or was not measured at all."""
    if one.state != "running":
        return
    cpu = region.of(one.id, CPU.name)
    if why := too_little(cpu, one.launched_at, judging.at, is_read=region.is_whole(CPU.name)):
        judging.doubt(one.id, one.region, "use", why)
    elif one.fleet:
        return
    elif is_idle(cpu, region.of(one.id, SENT.name)):
        _idle(one, cpu, region.of(one.id, SENT.name), judging)
    else:
        _smaller(region, one, cpu, judging)


def too_little(cpu: Use, since: datetime, at: datetime, *, is_read: bool) -> str:
    """Why its use is not known, or nothing. `since` it has its size: what was measured before is of another."""
    if at - since < timedelta(days=DAYS):
        return "has had its size for less than a fortnight"
    if cpu.is_enough:
        return ""
    if cpu.p95 is None:
        return "no metrics" if is_read else "metrics could not be read"
    return f"measured on {cpu.days} of {DAYS} days, {cpu.coverage:.0%} of the time"


def is_idle(cpu: Use, sent: Use) -> bool:
    """Neither computes nor talks. What it sends must be known: silence of the meter is not silence."""
    return _most(cpu) <= QUIET_CPU and sent.is_enough and _most(sent) <= QUIET_BYTES


def _most(use: Use) -> float:
    return use.p995 if use.p995 is not None else float("inf")


def _idle(one: Instance, cpu: Use, sent: Use, judging: Judging) -> None:
    judging.find(
        IDLE,
        one.id,
        one.region,
        f"{one.size} does nothing",
        one.tags,
        evidence={**seen(cpu), "sent_bytes_p995": sent.p995},
        confidence="medium",
        reasons=("it may wait for something that comes less than once a fortnight: ask its owner",),
        saving=saved(one, None, judging),
        change=change_of(one.id, "count", 1, 0),
    )


def _smaller(region: Region, one: Instance, cpu: Use, judging: Judging) -> None:
    smaller = next_down(region, one)
    if smaller is None:
        return
    now, memory = size_of(one.size), region.of(one.id, MEMORY.name)
    assert now is not None
    confidence, reasons = sureness(now, memory, region.of(one.id, CREDITS.name))
    judging.find(
        SMALLER,
        one.id,
        one.region,
        f"{one.size} would do as {smaller.name}",
        one.tags,
        evidence={**seen(cpu), "projected_p995": projected(now, smaller, cpu), "memory_p995": memory.p995},
        confidence=confidence,
        reasons=reasons,
        saving=saved(one, smaller.name, judging),
        change=change_of(one.id, "instance_type", one.size, smaller.name),
    )


def next_down(region: Region, one: Instance) -> Size | None:
    """The size that would do, if processors, memory and credits allow one."""
    now, smaller = size_of(one.size), one_down(one.size)
    if now is None or smaller is None or not fits(now, smaller, region.of(one.id, CPU.name)):
        return None
    if not memory_fits(now, smaller, region.of(one.id, MEMORY.name)) or runs_dry(now, region.of(one.id, CREDITS.name)):
        return None
    return smaller


def judge_fleet(region: Region, fleet: Fleet, judging: Judging) -> None:
    """All of them or none: one size stands in their launch template, and each was measured for long enough."""
    doubtful = {one.resource for one in judging.doubts if one.region == region.name}
    if not fleet.size or any(one.id in doubtful or next_down(region, one) is None for one in fleet.members):
        return
    now, smaller = size_of(fleet.size), one_down(fleet.size)
    assert now is not None and smaller is not None
    sure = [sureness(now, *(region.of(one.id, each.name) for each in (MEMORY, CREDITS))) for one in fleet.members]
    confidence, reasons = min(sure, key=lambda one: ("low", "medium", "high").index(one[0]))
    judging.find(
        TOGETHER,
        fleet.id,
        fleet.region,
        f"{fleet.name}: its {len(fleet.members)} × {fleet.size} would do as {smaller.name}",
        fleet.tags,
        evidence={**_busiest(region, fleet.members), "group": fleet.name, "launch_template": fleet.tags.get(TEMPLATE)},
        confidence=confidence,
        reasons=(*reasons, "it is priced as large as it is now; a group that grows with its load may then grow more"),
        saving=saved(fleet, smaller.name, judging),
        change=change_of(fleet.id, "instance_type", fleet.size, smaller.name),
    )


def _busiest(region: Region, members: Sequence[Instance]) -> dict[str, float | int | None]:
    return seen(max((region.of(one.id, CPU.name) for one in members), key=_most))


def projected(now: Size, smaller: Size, cpu: Use) -> float | None:
    """The same work on fewer processors."""
    return None if cpu.p995 is None else round(cpu.p995 * now.vcpus / smaller.vcpus, 2)


def fits(now: Size, smaller: Size, cpu: Use) -> bool:
    """p95 below a fifth, projected p99.5 below four fifths, and the day's work within the smaller baseline."""
    peak = projected(now, smaller, cpu)
    if cpu.p95 is None or peak is None or cpu.p95 >= LOW or peak >= HIGHEST:
        return False
    return smaller.baseline is None or cpu.p95 * now.vcpus / smaller.vcpus <= smaller.baseline


def memory_fits(now: Size, smaller: Size, memory: Use) -> bool:
    """What is not measured does not speak against it here, but lowers the confidence."""
    if memory.p995 is None or not memory.is_enough:
        return True
    return memory.p995 * now.gib / smaller.gib < HIGHEST


def runs_dry(now: Size, credits: Use) -> bool:
    """Whether a burstable one already comes near the end of its credits."""
    return now.baseline is not None and credits.least is not None and credits.least < FEW_CREDITS


def sureness(now: Size, memory: Use, credits: Use) -> tuple[Grade, tuple[str, ...]]:
    """How sure that is, and why not surer: half of a memory that nobody has measured may be too little."""
    unmeasured = [] if memory.is_enough else ["its memory is not measured: the smaller size has half of it"]
    if now.baseline is not None and not credits.is_enough:
        return ("low" if unmeasured else "medium"), (*unmeasured, "its burst credits are not measured")
    return ("low" if unmeasured else "high"), tuple(unmeasured)


def saved(one: Instance | Fleet, smaller: str | None, judging: Judging) -> Saving:
    """The difference by list price; not known for what no list has the price of."""
    members = one.members if isinstance(one, Fleet) else (one,)
    if not all(each.is_listed for each in members):
        return judging.prices.unknown(LIST_DIFFERS)
    after = cost_of(resized(one, smaller), judging.prices) if smaller else NOTHING
    return judging.prices.saving(cost_of(one, judging.prices), after)


def seen(cpu: Use) -> dict[str, float | int | None]:
    return {"cpu_p95": cpu.p95, "cpu_p995": cpu.p995, "days": cpu.days, "coverage": cpu.coverage}
