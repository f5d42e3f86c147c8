"""What must be so before an erasure may be certified: whoever makes a certificate asks this, and who verifies one."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from .erasure import Check, Erasure, System

Type = Literal["final", "partial", "interim", "supplement", "reissue", "refusal", "synthetic"]
SYNTHETIC = "synthetic"  # the legal basis of an erasure of nobody, and the type of what certifies it
UNFINISHED = ("interim", "refusal")  # these two do not say that anything is gone
LATER = ("supplement", "reissue")  # these two follow another
DATED = ("beyond_use", "expires", "retained")
COUNTED = ("erased", "not_held")
NAMELESS = ("anonymised", "crypto_erased")
FEWEST = 2  # persons behind any erasure: who asked, and another who approved


def objections(erasure: Erasure, type_: Type) -> list[str]:
    """Why this cannot be certified; nothing when it can."""
    if type_ == "refusal":
        return [*_listed(erasure), *_untouched(erasure)]
    found = [*_inventory(erasure), *_others(erasure)]
    found += [] if type_ == SYNTHETIC else _people(erasure)
    if (type_ == SYNTHETIC) != (erasure.legal_basis == SYNTHETIC):
        found.append("the erasure of a made-up person is certified as synthetic, and no other is")
    for one in erasure.systems:
        found += [f"{one.name}: {why}" for why in _system(erasure, one, type_)]
    if type_ == "final" and any(one.outcome == "retained" for one in erasure.systems):
        found.append("something is retained, so this is partial and not final")
    return found


def _listed(erasure: Erasure) -> Iterator[str]:
    names = Counter(one.name for one in erasure.systems)
    if not names or max(names.values()) > 1:
        yield "the systems are none, or one stands twice"
    if erasure.inventory.systems != len(erasure.systems):
        yield f"the inventory has {erasure.inventory.systems} systems, and {len(erasure.systems)} are accounted for"


def _untouched(erasure: Erasure) -> Iterator[str]:
    """A refusal says of nothing that it is gone: nobody had to approve, and no hold or drift stands against it."""
    if any(one.outcome != "not_checked" or one.targeted or one.acknowledged for one in erasure.systems):
        yield "a refusal touches nothing, so it says nothing of any system"
    if erasure.timeline.received > erasure.timeline.verified:
        yield "the times are out of order"


def _inventory(erasure: Erasure) -> Iterator[str]:
    yield from _listed(erasure)
    if erasure.inventory.drift:
        yield f"{erasure.inventory.drift} stores exist that the inventory does not list"
    times = erasure.timeline
    if not times.received <= times.approved <= times.started <= times.deleted <= times.verified:
        yield "the times are out of order"


def _people(erasure: Erasure) -> Iterator[str]:
    roles = erasure.roles
    if not roles.approvers or len(set(roles.approvers)) < len(roles.approvers) or roles.requester in roles.approvers:
        yield "it was not approved by others than who asked for it"
    persons = {roles.requester, *roles.approvers}
    if len(persons) < max(roles.needed, FEWEST):
        yield f"{len(persons)} different persons acted, and {max(roles.needed, FEWEST)} are needed: software is none"
    if roles.executor == roles.verifier or persons & {roles.executor, roles.verifier}:
        yield "what erased and what verified are not two agents apart from the persons who decided"


def _others(erasure: Erasure) -> Iterator[str]:
    if any(one.before != one.after for one in erasure.neighbours):
        yield "a neighbour has changed"
    if erasure.holds.held and not any(one.outcome == "retained" for one in erasure.systems):
        yield "a legal hold applies"
    known = {one.name for one in erasure.systems}
    named = {one.system for one in erasure.obligations} | {one.system for one in erasure.exemptions}
    if named - known:
        yield "an obligation or exemption names no system of the inventory"


def _system(erasure: Erasure, one: System, type_: Type) -> Iterator[str]:
    if one.outcome == "not_checked":
        if type_ not in UNFINISHED:
            yield "not checked, so nothing can be said of it"
        return
    if one.outcome == "expired" and type_ not in LATER:
        yield "that it has ended is said later, by a supplement"
    if (one.outcome in DATED) != (one.until is not None):
        yield "its outcome needs a date" if one.outcome in DATED else "its outcome has no date"
    if one.outcome in DATED and one.until not in {due.due_on for due in erasure.obligations if due.system == one.name}:
        yield f"{one.outcome} without an obligation on that day"
    if one.outcome == "retained" and one.name not in {kept.system for kept in erasure.exemptions}:
        yield "retained without a ground"
    if one.outcome == "retained" and one.residual > one.targeted - one.acknowledged:
        yield f"{one.residual} are still there, and {one.targeted - one.acknowledged} of them are locked"
    if one.outcome in NAMELESS and (one.residual or (one.checks and max(one.checks, key=_at).found)):
        yield f"{one.residual} that name whom it concerns are still there"
    if one.outcome == "erased" and one.name in {kept.system for kept in erasure.exemptions}:
        yield "a part of it is said to be kept, and all of it is erased"
    if (one.outcome == "attested_by_processor") != (one.attestation is not None):
        yield "a processor's word and the outcome do not go together"
    if one.outcome in COUNTED:
        yield from _counted(one)


def _counted(one: System) -> Iterator[str]:
    leaves = one.manifest.leaves if one.manifest else 0
    if one.residual or one.absent_after != one.targeted:
        yield f"{one.residual or one.targeted - one.absent_after} of {one.targeted} are still there"
    if leaves != one.targeted or one.acknowledged > one.targeted:
        yield f"its manifest has {leaves} ids and {one.targeted} were to go"
    if (one.outcome == "not_held") != (one.targeted == 0):
        yield "it is erased what was held, and not held what was not"
    after = [check for check in one.checks if check.stage != "before"]
    if not after or max(after, key=_at).found:
        yield "its last independent query did not find nothing"
    if not any(check.planted or (check.stage == "before" and check.found) for check in one.checks):
        yield "its query never found anything, so its zero proves nothing"


def _at(check: Check) -> str:
    return check.at
