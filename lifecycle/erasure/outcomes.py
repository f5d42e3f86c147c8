"""What became of each system: one row of the certificate for each row of the inventory, none left out."""

from datetime import date, timedelta
from typing import Any

from bailiwick_proof.erasure import Attestation, Check, System, Tree

from compliance.erasing.models import SystemRun
from compliance.erasing.queries import Facts
from compliance.inventory.models import Kind
from compliance.inventory.queries import Listed
from lifecycle.stores.objects import keys
from portal.lib.clock import now

from . import keeping
from .subject import regions, runs
from .systems import CONNECTORS

KEY_DAYS, WAL_DAYS = 30, 7  # a key service waits at most 30 days; the write-ahead log is recycled by then
METHODS = {
    "postgres": "Removed row by row in batches under the hold fence, children first; then VACUUM and ANALYZE.",
    "vectors": "Removed by id; the store's own sign that it shows everywhere was awaited.",
    "objects": "Every version, delete marker and open upload removed by its id.",
    "cache": "Every key of the exact first segment, and single fields and entries, removed.",
    "logs": "The log groups of the tenant removed with their streams, or streams alone where others of a group stay.",
    "metrics": "Every series with the label removed.",
}
LIMITS = {
    "postgres": "Pages in the write-ahead log and free space are overwritten by use.",
    "vectors": "A provider's own purge of its storage may take longer.",
}
EVERYWHERE = "global"  # the region of a system that is in none
STILL_NAMED = "Nothing of it was removed: its ids lead to what a law keeps elsewhere, until the day stated."
BY_ID, NO_MORE = "Removed by id.", "What was copied out before is not covered."


def row_of(facts: Facts, row: Listed, run: SystemRun | None) -> System:
    """One row of the certificate."""
    told: dict[str, Any] = {
        "name": row.name,
        "title": row.title,
        "region": row.region or EVERYWHERE,
        "processor": row.processor,
        "connector": row.connector or row.kind,
        "version": "1",
        "categories": tuple(row.categories),
        "simulated": row.simulated,
        "until": None,
        "attestation": None,
        "manifest": None,
        "checks": (),
        **dict.fromkeys(("targeted", "acknowledged", "absent_after", "residual"), 0),
    }
    return System(**told | _outcome(facts, row, run))


def _outcome(facts: Facts, row: Listed, run: SystemRun | None) -> dict[str, Any]:
    match row.kind:
        case Kind.ATTESTED:
            return _attested(row)
        case Kind.EXPIRING:
            until = _day(row.expires_on)
            return _said("expires", "Removed as a whole on the day stated.", "Until that day it exists.", until)
        case Kind.BEYOND_USE:
            return _backups(facts)
        case Kind.PORTAL:
            return _portal(run)
        case _ if row.connector not in CONNECTORS:
            return _not_checked(f"No connector of this installation erases it ({row.connector}).")
        case _:
            return (
                _not_checked("No verifier has looked at it.")
                if run is None or not run.checks
                else _looked(facts, row, run)
            )


def _portal(run: SystemRun | None) -> dict[str, Any]:
    """What the portal's own verifier found of whom it concerns, in every table and every key of the cache."""
    if run is None or not run.checks or run.checks[-1]["found"] is None:
        return _not_checked("Its verifier has not looked at it." if run is None or not run.checks else run.why)
    method = "Keyed pseudonyms in place of names; this request's key goes when the request is completed."
    limits = "Registry, approvals, costs and ledger stay; none holds content, and ids of documents there lead nowhere."
    said = _said("anonymised", method, limits)
    checks = tuple(_check(one) for one in run.checks if one["found"] is not None)
    return {**said, "residual": run.residual or 0, "checks": checks}


def _attested(row: Listed) -> dict[str, Any]:
    word = row.attestation
    if word is None:
        return _not_checked("Its processor has attested nothing that is still in force.")
    signed = Attestation(word.processor, word.digest, _day(word.expires_on))
    said = _said("attested_by_processor", "The processor's signed statement.", "Not verified by the issuer.")
    return {**said, "attestation": signed}


def _backups(facts: Facts) -> dict[str, Any]:
    if facts.kind == "tenant" and (kept := _locked_until(facts)):
        method = "The tenant's own key stays while what is kept has to stay readable."
        return _said("retained", method, "Until that day the key exists.", _day(kept))
    if facts.kind == "tenant":
        method = "The tenant's own key waits for its destruction, which the key service ends by the day stated."
        return _said("beyond_use", method, "Until that day the key exists.", _day(_last_key(facts)))
    method = "This installation takes no backups; the write-ahead log is recycled by the day stated."
    until = _day(now().date() + timedelta(days=WAL_DAYS))
    return _said("expires", method, "Until that day a segment may hold old pages.", until)


def _locked_until(facts: Facts) -> date | None:
    """The day on which the last of what keeps a region of the tenant, its bucket and its key, standing ends."""
    locks = [one.until for one in runs(facts).values() if one.outcome == "retained" and one.until]
    return max([*locks, *(one["until"] for one in keeping.anywhere(facts))], default=None)


def _last_key(facts: Facts) -> date:
    """When the last of the tenant's keys is gone for good."""
    found = [one.deletion_at for region in regions().values() for one in keys.of_tenant_keys(region, facts.tenant.pk)]
    days = [(at or now() + timedelta(days=KEY_DAYS)).date() for at in found]
    return max(days, default=now().date() + timedelta(days=1))


def _looked(facts: Facts, row: Listed, run: SystemRun) -> dict[str, Any]:
    last, targeted, left = run.checks[-1], run.targeted or 0, run.residual or 0
    if last["found"] is None:
        return _not_checked(f"It could not be looked at: {last['why']}")
    numbers = {
        "targeted": targeted,
        "acknowledged": min(run.acknowledged or 0, targeted),
        "absent_after": max(0, targeted - left),
        "residual": left,
        "manifest": Tree(run.manifest_root, run.manifest_leaves) if run.manifest_leaves else None,
        "checks": tuple(_check(one) for one in run.checks if one["found"] is not None),
    }
    method, limits = METHODS.get(row.verifier, BY_ID), LIMITS.get(row.verifier, NO_MORE)
    parts = keeping.standing(facts, run)
    if run.kept and not parts:
        return _not_checked(f"What is kept there is of no part that a rule names: {keeping.counted(run)}")
    if parts:
        method = f"{run.method or method} Kept by law and counted apart, before and after: {keeping.counted(run)}."
        return {**numbers, **_said("retained", method, _what_stays(run, parts), _last_day(run, parts))}
    if (
        row.verifier == "logs"
        and run.outcome == "anonymised"
        and (elsewhere := keeping.last_day(keeping.anywhere(facts)))
    ):
        return {**numbers, **_said("retained", STILL_NAMED, run.limits or limits, _day(elsewhere))}
    if run.outcome:
        until = _day(run.until) if run.until else None
        return {**numbers, **_said(run.outcome, run.method or method, run.limits or limits, until)}
    return {**numbers, **_said("erased" if targeted else "not_held", method, limits)}


def _what_stays(run: SystemRun, parts: list[keeping.Part]) -> str:
    said = "; ".join(f"{one['part']} until {one['until']} ({one['rule']})" for one in parts)
    locked = f" Beside it: {run.limits}." if run.outcome == "retained" else ""
    return f"Kept by law, rows with those that they refer to: {said}.{locked}"


def _last_day(run: SystemRun, parts: list[keeping.Part]) -> str:
    days = [one["until"] for one in parts] + ([run.until] if run.outcome == "retained" and run.until else [])
    return _day(max(days))


def _check(one: dict[str, Any]) -> Check:
    names = ("stage", "at", "verifier", "credential", "query", "planted")
    left = one["found"] if one["stage"] == "before" else max(one["found"], one["listed"] or 0)
    return Check(found=left, **{name: one[name] for name in names})


def _not_checked(why: str) -> dict[str, Any]:
    return _said("not_checked", why, "Nothing is said of it.")


def _said(outcome: str, method: str, limits: str, until: str | None = None) -> dict[str, Any]:
    return {"outcome": outcome, "method": method[:1000], "limits": limits[:1000], "until": until}


def _day(value: date | None) -> str:
    return (value or now().date()).isoformat()
