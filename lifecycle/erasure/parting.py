"""What a supplement says once a part that a law kept is erased: its system anew, and what had stayed for its sake."""

from collections.abc import Iterator
from dataclasses import asdict, replace

from bailiwick_proof.canonical import canonical
from bailiwick_proof.certifiable import objections
from bailiwick_proof.certificate import Core
from bailiwick_proof.erasure import Erasure, Exemption, Obligation, System

from compliance.certificates import issuing
from compliance.certificates.issuing import NotToBeCertified
from compliance.certificates.models import Certificate
from compliance.erasing.models import Owed
from compliance.erasing.queries import Facts
from compliance.inventory.queries import Listed, snapshot
from compliance.supplements.facts import evidence_of, newest, standing
from portal.jobs.context import StepContext
from portal.jobs.text import plain

from . import keeping
from .evidence import archive
from .found import OWED, beneath, locked
from .outcomes import row_of
from .subject import runs

ALONE = "Of {} alone, which a law kept until {}; what went before is in the certificate that this one follows. "
NAMED = "Lines hold ids of the platform only, and what a law had kept of those they led to is gone."
NO_MORE = "What was copied out before is not covered."
NONE = "No certificate stands that could be supplemented: have all of it erased again"
FOR_ITS_SAKE = ("logs", "keys")  # what stays, ids or a key, as long as a law keeps what they lead to


def issue(ctx: StepContext, facts: Facts, whole: Erasure, *, key: str) -> Certificate:
    """Issue it beside the certificate that stands. `whole` is all that this erasure is, of which one system counts.

    NotToBeCertified where none stands, or where this erasure by itself could not be certified: it is judged as one.
    """
    owed = facts.settles
    root = standing(owed.request) if owed is not None else None
    if owed is None or root is None:
        raise NotToBeCertified(NONE, objections=[NONE])
    last = newest(root)
    said = supplemented(last.certified, facts)
    alone = _alone(whole, said, owed.system)
    if why := objections(alone, "supplement"):
        raise NotToBeCertified("; ".join(why), objections=why)
    files = {name: held for name, held in archive(ctx, facts).items() if owed.system in name}
    files[f"supplement/{owed.system}-{owed.due_on}.json"] = canonical(plain(asdict(alone)))
    return issuing.issue(
        said,
        evidence_of(last) | files,
        key=key,
        type_="supplement",
        tenant_id=root.tenant_id,
        business_unit=root.business_unit,
        follows=root,
        actor=ctx.actor,
        reason=str(facts.request),
    )


def _alone(whole: Erasure, said: Erasure, system: str) -> Erasure:
    """Who agreed to it, when it was and beside whom, with its own system as the supplement says it."""
    return replace(
        whole,
        systems=tuple(one for one in said.systems if one.name == system),
        obligations=tuple(one for one in said.obligations if one.system == system),
        exemptions=tuple(one for one in said.exemptions if one.system == system),
        inventory=replace(whole.inventory, systems=1),
    )


def supplemented(core: Core, facts: Facts) -> Erasure:
    """The facts that held until now, with the part's system as this erasure leaves it."""
    done, owed = core.erasure, facts.settles
    assert owed is not None
    anew = {one.name: one for one in _anew(done, facts)}
    kept = keeping.standing(facts, runs(facts).get(owed.system))
    over = (*anew.keys() - {owed.system}, f"{owed.system} {owed.part}")
    still = [one for one in done.obligations if not _is_of(one.system, one.owed, over, " is kept by law")]
    debts = [Obligation(owed.system, one["until"].isoformat(), keeping.owed(one)) for one in kept]
    if (run := runs(facts).get(owed.system)) is not None:
        known = {one.due_on for one in still if one.system == owed.system}
        debts += [one for one in locked(run) if one.due_on not in known]
    grounds = [one for one in done.exemptions if not _is_of(one.system, one.ground, over, ": ")]
    whys = [
        Exemption(owed.system, one["category"], f"{one['part']}: {one['ground']}", one["until"].isoformat())
        for one in kept
    ]
    return replace(
        done,
        systems=tuple(anew.get(one.name, one) for one in done.systems),
        obligations=tuple(dict.fromkeys([*still, *debts, *_beneath(anew, owed.system, owed.part)])),
        exemptions=tuple(dict.fromkeys([*grounds, *whys])),
    )


def _is_of(system: str, said: str, over: tuple[str, ...], then: str) -> bool:
    """Whether a line of the certificate is about what is over: a whole system, or the part that it begins with."""
    return system in over or any(f"{system} {said}".startswith(one + then) for one in over)


def _anew(done: Erasure, facts: Facts) -> Iterator[System]:
    """The part's own system; with the last part of all also what stayed for its sake."""
    owed, listed = facts.settles, {row.name: row for row in snapshot().systems}
    assert owed is not None
    own = row_of(facts, listed[owed.system], runs(facts).get(owed.system))
    yield replace(own, method=(ALONE.format(owed.part, owed.due_on) + own.method)[:1000])
    kept = [one for one in done.systems if one.outcome == "retained" and one.name != owed.system]
    others = owed.request.obligations.exclude(part="").exclude(state=Owed.LAPSED).exclude(pk=owed.pk)
    if not others.exists() and own.outcome != "retained" and all(one.connector in FOR_ITS_SAKE for one in kept):
        yield from (_let_go(one, facts, listed) for one in kept if one.connector == "logs" or one.name in listed)


def _let_go(one: System, facts: Facts, listed: dict[str, Listed]) -> System:
    if one.connector == "logs":
        return replace(one, outcome="anonymised", until=None, method=NAMED, limits=NO_MORE)
    return row_of(facts, listed[one.name], None)


def _beneath(anew: dict[str, System], system: str, part: str) -> Iterator[Obligation]:
    """What is owed of these from now on: by the part's system what lies beneath it, by a key its end."""
    for one in beneath(anew[system], is_said=False) if anew[system].outcome == "erased" else ():
        yield replace(one, owed=f"Of {part}: {one.owed}"[:OWED])
    for name, one in anew.items():
        if name != system and one.until is not None:
            yield Obligation(name, one.until, f"Since {part} is gone: {one.title}: {one.limits}"[:OWED])
