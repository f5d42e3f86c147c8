"""The pages behind the first: how each system was erased and looked at, and what the record rests on."""

from bailiwick_proof.certificate import Certificate
from bailiwick_proof.erasure import Check, System
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, PageBreak, Spacer

from . import words
from .page import listing, pairs, text

STAGES = {"before": "before", "after": "after", "resweep": "swept again"}


def behind(document: Certificate) -> list[Flowable]:
    """The evidence, system by system, then people, neighbours, archive."""
    core = document.core
    story: list[Flowable] = [PageBreak(), text("Evidence", "title"), Spacer(1, 2 * mm)]
    for one in core.erasure.systems:
        story += _system(one)
    return [*story, *_people(document), *_grounds(document)]


def _system(one: System) -> list[Flowable]:
    rows = [
        ("Outcome", words.outcome(one)),
        ("Where, by whom", f"{one.region}, {one.processor}"),
        ("Connector", f"{one.connector} {one.version}"),
        ("Data", words.codes(one.categories)),
        ("Method", one.method),
        ("Its limits", one.limits),
    ]
    if words.is_counted(one):
        counted = f"{one.targeted:,} to go, {one.acknowledged:,} acknowledged, {one.absent_after:,} absent after"
        rows.append(("Counted", f"{counted}, {one.residual:,} left"))
    story: list[Flowable] = [CondPageBreak(50 * mm), text(one.title, "head"), pairs(rows, "cell")]
    if one.manifest:
        story.append(pairs([(f"Manifest, {one.manifest.leaves:,} ids", one.manifest.root)], "mono"))
    if one.attestation:
        story.append(pairs([("Processor's word, SHA-256", one.attestation.digest)], "mono"))
    return story + ([_checks(one.checks)] if one.checks else [])


def _checks(given: tuple[Check, ...]) -> Flowable:
    heads = [
        ("Query", 0.14, "cell"), ("At", 0.27, "cell"), ("By", 0.24, "cell"), ("Found", 0.09, "figure"),
        ("Canary", 0.1, "cell"), ("SHA-256 of the query", 0.16, "mono"),
    ]  # fmt: skip
    rows = [
        (
            STAGES[one.stage],
            words.moment(one.at),
            one.verifier,
            f"{one.found:,}",
            "found" if one.planted else "–",
            one.query[:16],
        )
        for one in given
    ]
    return listing(heads, rows)


def _people(document: Certificate) -> list[Flowable]:
    roles = document.core.erasure.roles
    rows = [("Asked for it", roles.requester)]
    rows += [("Approved it", one) for one in roles.approvers]
    rows += [("Erased", roles.executor), ("Verified", roles.verifier)]
    note = "Keyed pseudonyms: the issuer can say whose they are, and nobody can find out by trying."
    return [CondPageBreak(40 * mm), text("Who", "head"), pairs(rows, "mono"), text(note, "small")]


def _grounds(document: Certificate) -> list[Flowable]:
    core = document.core
    erasure = core.erasure
    rows = [
        ("Request", erasure.request),
        ("Approval", erasure.approval),
        (f"Inventory, version {erasure.inventory.version}", erasure.inventory.digest),
        ("Erasure ledger", erasure.restore_guard.ledger),
        ("Certificate before", core.previous or "none"),
        ("Evidence archive", core.evidence.digest),
        *((one.name, one.digest) for one in core.evidence.members),
    ]
    holds, restores = erasure.holds, erasure.restore_guard.restores
    held = f"Legal holds: {holds.held} in {holds.stores} stores, read {words.moment(holds.at)}. "
    kept = "Restores are refused." if restores == "blocked" else "Every restore repeats this erasure."
    story: list[Flowable] = [CondPageBreak(60 * mm), text("What it rests on", "head"), pairs(rows, "mono")]
    story.append(text(held + kept, "small"))
    if erasure.neighbours:
        same = [(one.tenant[:16], f"{one.count:,}", one.before[:32], "unchanged") for one in erasure.neighbours]
        heads = [("Neighbour", 0.22, "mono"), ("Records", 0.12, "figure"), ("Root", 0.46, "mono"), ("", 0.2, "cell")]
        story += [text("Tenants that were not to be touched", "head"), listing(heads, same)]
    if erasure.recipients:
        told = [(one.recipient, words.moment(one.told)) for one in erasure.recipients]
        story += [text("Told of it (Article 19)", "head"), listing([("Who", 0.6, "cell"), ("When", 0.4, "cell")], told)]
    return story
