"""Checkpoints contradict the database: name the entries, or at least the two checkpoints they stand between."""

from bailiwick_proof.merkle import Frontier

from . import naming
from .evidence import Claim
from .export import Export
from .naming import Located
from .report import Attack, Finding
from .truth import Sources, Truth, follow

MAX_STARTS = 16


def locate(export: Export, frontiers: dict[int, Frontier], good: list[Claim], bad: list[Claim]) -> Located:
    """Explain why the claims in `bad` do not hold of the database. `frontiers` are its trees at the claims' sizes."""
    located = Located()
    lying = [claim for claim in bad if _outranked(claim, good)]
    located.findings += [_overwritten(claim, good) for claim in lying]
    wrong = [claim for claim in bad if claim not in lying]
    if not wrong:
        return located
    before = [claim for claim in good if claim.size < wrong[0].size]
    sources = Sources(export)
    truth = _best_truth(sources, frontiers, before, wrong)
    later = [claim for claim in good if claim.size >= wrong[0].size]
    if not truth.last and later and later[-1].size > wrong[-1].size and later[-1].rank >= wrong[-1].rank:
        located.findings += [_disputed(claim, later[-1], wrong) for claim in wrong]
        return located
    located.findings += [_second_history(claim, wrong[0]) for claim in later[:1] + later[1:][-1:]]
    if truth.entries:
        naming.explain(located, sources, truth, export.size)
    if truth.lost:
        located.findings.append(_lost(export, sources, truth, wrong))
        located.lost = truth.proved
    return located


def _outranked(claim: Claim, good: list[Claim]) -> bool:
    """A later and more credible checkpoint agrees with the database, so this one is of another tree."""
    return any(other.size >= claim.size and other.rank > claim.rank for other in good)


def _overwritten(claim: Claim, good: list[Claim]) -> Finding:
    by = next(other for other in good if other.size >= claim.size and other.rank > claim.rank)
    attack: Attack = "anchor overwritten" if claim.detector == "anchor" else "re-signed"
    message = f"{claim} is of another tree than the database and {by}"
    return Finding(attack, by.detector, message)


def _second_history(claim: Claim, wrong: Claim) -> Finding:
    message = (
        f"{claim} is signed and fits the database, yet contradicts {wrong}: the log's key signed two histories, a "
        "split view"
    )
    return Finding("re-signed", wrong.detector, message)


def _disputed(claim: Claim, by: Claim, wrong: list[Claim]) -> Finding:
    """Nothing tells which of two equally credible checkpoints is right; the database fits the later one."""
    attack: Attack = "anchor overwritten" if len(wrong) == 1 and claim.detector == "anchor" else "re-signed"
    message = (
        f"{claim} contradicts {by}, which fits the database: the log's key signed two histories. Either this one was "
        "overwritten, or the database was set back and written on"
    )
    return Finding(attack, by.detector, message)


def _best_truth(sources: Sources, frontiers: dict[int, Frontier], before: list[Claim], wrong: list[Claim]) -> Truth:
    """The truth from the last agreement on; where that was itself on a second history, from an earlier one."""
    credible = [claim.size for claim in before if claim.rank >= wrong[0].rank]
    sizes = [claim.size for claim in before]
    starts = dict.fromkeys([*credible[-1:], *reversed(sizes[-MAX_STARTS:]), 0])
    truths = []
    for start in starts:
        truth = follow(sources, frontiers[start], wrong)
        if truth.last:
            return truth
        truths.append(truth)
    return truths[0]


def _lost(export: Export, sources: Sources, truth: Truth, wrong: list[Claim]) -> Finding:
    """Nothing at hand gives the root of this checkpoint: say how far the database is right, and what is known."""
    claim = truth.lost
    assert claim is not None
    first, last, detector = truth.proved, claim.size - 1, claim.detector
    if wrong[0].size > export.size:
        return _ends_early(export, first, wrong)
    copies = [batch for batch in export.batches if batch.first < claim.size and first < batch.end]
    same = bool(copies) and all(sources.lines(batch.first, batch.end) == batch.lines() for batch in copies)
    less = wrong[-1].size - export.size
    missing = f"; the database holds {less} entries fewer than {wrong[-1]}" if less > 0 else ""
    after = sum(other.size > claim.size for other in wrong)
    beyond = f"; {after} later checkpoint(s) cannot be tried past this" if after else ""
    message = f"these entries do not give the root of {claim}, entries before them do{missing}{beyond}"
    if same:
        message = f"{message}; the streamed copies say the same as the database, so they were rewritten too"
        return Finding("rewritten with its copies", detector, message, first, last)
    return Finding("rewritten", detector, message, first, last)


def _ends_early(export: Export, first: int, wrong: list[Claim]) -> Finding:
    """Everything the database still has may be right: it has too little."""
    newest = wrong[-1]
    message = f"the database ends with entry {export.size - 1}, {newest} proves entries up to {newest.size - 1}"
    if first < export.size:
        message += f"; its entries from {first} on are under no checkpoint, so the missing ones may stand there too"
    return Finding("tail truncated", newest.detector, message, first, newest.size - 1)
