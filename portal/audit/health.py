"""How the ledger is now: what waits for its seal, what the last checks found, and what is wrong in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .evidence import fetch
from .models import LedgerFinding

BAR_SECONDS, ALARM_SECONDS = 3.0, 10.0
KEPT_SECONDS = 10
SEALERS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bailiwick-sealer' AND datname = current_database()
"""
RECENT = """
SELECT extract(epoch FROM c.sealed_at - e.at)::float, extract(epoch FROM c.anchored_at - e.at)::float
FROM (SELECT size, sealed_at, anchored_at, lead(size) OVER (ORDER BY size DESC) AS first
      FROM (SELECT size, sealed_at, anchored_at FROM audit.checkpoint ORDER BY size DESC LIMIT %s) AS newest) AS c
JOIN audit.leaf l ON l.index = c.first JOIN audit.entry e ON e.id = l.entry_id ORDER BY c.size
"""
CHECKS = {
    "replay": gettext_lazy("Replay: the tables are what the ledger says"),
    "leaves": gettext_lazy("Leaves: every stored entry is what was sealed"),
    "copies": gettext_lazy("Copies: the store holds what the database holds"),
    "truth": gettext_lazy("Database, store and witness tell one story"),
    "lag": gettext_lazy("No transaction holds up the seal"),
}


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong: `kind` stays the same for as long as it lasts."""

    kind: str
    words: str


@dataclass(frozen=True)
class Health:
    """The ledger at one moment. Seconds are how long the oldest entry waits."""

    size: int
    unsealed: int
    seal_lag: float
    anchor_lag: float
    sealers: int
    findings: list[LedgerFinding]

    def troubles(self) -> list[Trouble]:
        """What a person must look at, the gravest first; empty when all is as it should be."""
        return [*self._untrue(), *self._late()]

    def _untrue(self) -> Iterator[Trouble]:
        for one in self.findings:
            if not one.ok and one.kind != "lag":
                yield Trouble(one.kind, words_of_finding(one))

    def _late(self) -> Iterator[Trouble]:
        if not self.sealers:
            yield Trouble("sealer", _("No sealer is running: entries are written, and not sealed."))
        if self.seal_lag > ALARM_SECONDS:
            said = _("The oldest entry has waited %(n)d s for its seal.") % {"n": self.seal_lag}
            held = next((one for one in self.findings if one.kind == "lag" and not one.ok), None)
            yield Trouble("seal_lag", f"{said} {words_of_finding(held)}" if held else said)
        if self.anchor_lag > ALARM_SECONDS:
            said = _("The oldest checkpoint has waited %(n)d s for its anchor in the object store.")
            yield Trouble("anchor_lag", said % {"n": self.anchor_lag})


def health() -> Health:
    """Read it now."""
    [(size, unsealed, seal_lag, anchor_lag)] = fetch("SELECT size, unsealed, seal_lag, anchor_lag FROM audit.lag()", [])
    newest = LedgerFinding.objects.order_by("kind", "-id").distinct("kind")
    found = sorted(newest, key=lambda one: [*CHECKS, one.kind].index(one.kind))
    return Health(size, unsealed, float(seal_lag), float(anchor_lag), fetch(SEALERS, [])[0][0], found)


def troubles_lately() -> list[Trouble]:
    """The troubles, at most some seconds old: for pages that many open."""
    return cache.get_or_set("ledger:troubles", lambda: health().troubles(), KEPT_SECONDS) or []


def recent_waits(count: int = 60) -> tuple[list[float], list[float]]:
    """Seconds from the first entry of each of the newest checkpoints to its seal and to its anchor, oldest first."""
    rows = fetch(RECENT, [count + 1])
    return [row[0] for row in rows], [row[1] for row in rows if row[1] is not None]


def words_of_finding(one: LedgerFinding) -> str:
    """What a check found, as a sentence."""
    if one.ok:
        return _("as it should be")
    details: dict[str, Any] = one.details
    if one.kind == "replay":
        return _("Tables differ from the ledger: %(what)s.") % {"what": _rows(details.get("differences", []))}
    if one.kind == "leaves":
        return _("Entries are not what was sealed: %(what)s.") % {"what": _leaves(details)}
    if one.kind == "copies":
        keys = "; ".join(f"{one['key']}: {one['fault']}" for one in details.get("wrong", [])[:3])
        return _("Copies differ from the database: %(what)s.") % {"what": keys}
    if one.kind == "truth":
        return _("Nothing is sealed until a person has looked: %(what)s.") % {"what": details.get("error", "")}
    if one.kind == "lag" and (held := details.get("holder")):
        return _("A transaction of role %(role)s holds it up (process %(pid)s, %(state)s).") % {
            "role": held.get("role"), "pid": held.get("pid"), "state": held.get("state"),
        }  # fmt: skip
    return ", ".join(f"{key}: {value}" for key, value in details.items()) or _("wrong")


def _rows(found: list[dict[str, Any]]) -> str:
    shown = [f"{one['table']} {one['object']}, {one['kind']}" for one in found[:3]]
    return "; ".join(shown) + (_(" and more") if len(found) > 3 else "")


def _leaves(details: dict[str, Any]) -> str:
    shown = [f"{how} " + ", ".join(str(one["entry"]) for one in rows[:5]) for how, rows in details.items()]
    return "; ".join(shown)
