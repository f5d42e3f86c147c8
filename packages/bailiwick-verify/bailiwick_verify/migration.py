"""Verify the record of a move: is it what the ledger sealed, and were both sides equal by it?"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from bailiwick_proof.canonical import canonical
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.policy import Policy

from . import receipt
from .record import FORMAT, misfits
from .report import printable

EMPTY = hashlib.sha256().hexdigest()  # the root of a tree without leaves
PARTS = {"record": dict, "entry": str, "receipt": str}
ENDED = {
    "switched": "It was switched; what came after is not in this record.",
    "completed": "It was completed: the old side has let go.",
    "rolled_back": "It was rolled back: the tenant is served from where it came.",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that holds, and the receipt that proves its entry."""

    record: dict[str, Any]
    proved: receipt.Proved

    def text(self) -> str:
        """Say what is proved, for people."""
        one, rows, objects = self.record, self.record["rows"], self.record["objects"]
        outside = [one["vectors"]] if "vectors" in one else []  # else they are among the rows
        rehearsal = "a rehearsal" if one["is_rehearsal"] else "no rehearsal"
        lines = [
            f"Move {one['move']} ({rehearsal}) of tenant {one['tenant']}: {one['source']} to {one['target']}.",
            ENDED[one["outcome"]],
            "",
            f"  Rows      {rows['total']:,} in {len(rows['tables'])} tables, equal at snapshot {rows['snapshot']},",
            f"            verified {one['times']['verified']}, root {rows['root_source']}",
            f"  Objects   {objects['total']:,}, equal, root {objects['root_source']}",
            *(f"  Vectors   {one['total']:,}, equal, root {one['root_source']}" for one in outside),
            *_carried(one),
            *(f"  Inventory {name}: {seen['outcome']}" for name, seen in sorted(one.get("inventory", {}).items())),
            *_switches(one),
            *_lost(one),
            f"  Routing   epoch {one['routing']['before']}, then {one['routing']['after']}; "
            f"{one['routing']['now']} when this was recorded; job epoch {one['job_epoch']}",
            f"  Before    {one['rounds']} rounds of changes; started {one['times']['started']}",
            "  Versions  " + ", ".join(f"{name} {value}" for name, value in sorted(one["versions"].items())),
            *(f"    {count:>11,}  {table}" for table, count in sorted(rows["tables"].items())),
            "",
        ]
        return printable("\n".join(lines) + "\n") + self.proved.text()


def _carried(record: dict[str, Any]) -> list[str]:
    """What DataSync was to bring ahead: what it said, and what was found of it before the rest was brought."""
    if "datasync" not in record:
        return []
    one = record["datasync"]
    found, said = one["found"], f"said {one['status']}" if one["status"] else "said nothing"
    alike = f"{found['alike']:,} of them were found alike" if found else "nobody looked at what it brought"
    return [f"  DataSync  was to bring {one['listed']:,} objects and {said}; {alike}"]


def _switches(record: dict[str, Any]) -> list[str]:
    found = []
    for name, key, at in (("Switch", "switch", "switched"), ("Way back", "way_back", "ended")):
        one = record[key]
        if one is None:
            continue
        pause = f"{one['pause_ms']} ms" if one["pause_ms"] else "for a time that was not measured"
        words = f"{record['times'][at]}: writers waited {pause} of at most {one['budget_ms']} ms,"
        keys = "nobody counted the" if one["keys_inside"] is None else one["keys_inside"]
        found += [f"  {name:<9} {words}", f"            {keys} keys inside, attempt {one['attempts']}"]
    return found


def _lost(record: dict[str, Any]) -> list[str]:
    """What went with a target that did not answer; nobody knows what it took after it was last counted."""
    if "loss" not in record:
        return []
    one, given = record["loss"], "an unknown number of writes"
    if stores := one.get("stores"):
        each = (f"{'an unknown number of' if n is None else f'{n:,}'} {name}" for name, n in sorted(stores.items()))
        given = f"{' and '.join(each)} that nothing else of the target had"
    elif one["writes"] is not None:
        given = f"{one['writes']:,} writes as counted {one['counted_at']}, and what came after"
    return [
        f"  Lost      {given}:",
        f"            the target was silent from {one['silent_since']}; accepted {one['accepted_at']}",
    ]


def verify(data: bytes, policy: Policy) -> Moved:
    """Return what the file proves; Malformed or Unproven when it does not."""
    record, entry, proof = _read(data)
    proved = receipt.verify(proof, policy)
    if proved.entry != entry:
        raise Unproven("the entry in this file is not the one that the receipt proves")
    sealed = _sealed(entry)
    if canonical(sealed["data"]) != canonical(record):
        raise Unproven(f"the record is not what was sealed: {', '.join(_differences(sealed['data'], record))}")
    _holds(record, sealed)
    return Moved(record, proved)


def _read(data: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    """The three parts of the file, which has one form only: another spelling of the same is refused."""
    try:
        found = json.loads(data)
        is_canonical = canonical(found) == data
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(f"not a migration record: {error}") from error
    if not is_canonical:
        raise Malformed("the file is not in canonical form: something has rewritten it since it was downloaded")
    if not isinstance(found, dict) or {name: type(part) for name, part in found.items()} != PARTS:
        raise Malformed(f"not a migration record: it has exactly {', '.join(PARTS)}")
    return found["record"], found["entry"].encode(), found["receipt"].encode()


def _sealed(entry: bytes) -> dict[str, Any]:
    """The entry, if it is a record of a move."""
    try:
        found = json.loads(entry)
        kind = (found["op"], found["verb"], found["object"], type(found["data"]))
        canonical([found["data"], found["pk"], found["tenant"]])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unproven(f"the entry is no record of a move: {error}") from error
    if kind != ("A", "migration.recorded", "migration.migration", dict):
        _refuse(f"the entry is no record of a move, but {found['verb'] or 'a change of a row'}")
    return dict(found)


def _differences(sealed: Any, given: Any, path: str = "") -> list[str]:
    """The places where the two differ."""
    if isinstance(sealed, dict) and isinstance(given, dict):
        names = sorted(sealed.keys() | given.keys())
        return [
            line
            for name in names
            for line in _differences(sealed.get(name, ...), given.get(name, ...), f"{path}.{name}".lstrip("."))
        ]
    same = type(sealed) is type(given) and sealed == given
    return [] if same else [f"{path} ({_word(given)}, sealed as {_word(sealed)})"]


def _word(value: Any) -> str:
    return "missing" if value is ... else json.dumps(value)


def _holds(record: dict[str, Any], sealed: dict[str, Any]) -> None:
    """What a record of a move must say, however well it is signed."""
    if record.get("format") != FORMAT:
        _refuse(f"this verifier reads {FORMAT}, and the record says {record.get('format')}")
    if wrong := misfits(record):
        _refuse("the record lacks or misspells " + ", ".join(wrong))
    if (sealed["pk"], sealed["tenant"]) != (record["migration"], record["tenant"]):
        _refuse("the entry is about another move than the record")
    if record["outcome"] not in ENDED or record["source"] == record["target"]:
        _refuse("the record tells of no move")
    rows, routing = record["rows"], record["routing"]
    beside: dict[str, Any] = {name: record[name] for name in ("objects", "vectors") if name in record}
    for name, one in {"rows": rows, **beside}.items():
        if one["root_source"] != one["root_target"]:
            _refuse(f"the {name} of the two sides were not equal: {one['root_source']} and {one['root_target']}")
    hollow = ((one["root_source"] == EMPTY) != (one["total"] == 0) for one in beside.values())
    if rows["root_source"] == EMPTY or any(hollow):
        _refuse("a root is that of nothing")
    if sum(rows["tables"].values()) != rows["total"]:
        _refuse("the tables do not add up to the rows")
    if not routing["before"] < routing["after"] <= routing["now"] or record["switch"]["epoch"] != routing["after"]:
        _refuse("the routing epochs are not those of a switch")
    loss = record.get("loss")
    ways = [record["way_back"] is not None, loss is not None and "stores" not in loss]
    if sum(ways) != (record["outcome"] == "rolled_back") or (loss and not any(ways)):
        _refuse("the way back and the outcome contradict each other")


def _refuse(why: str) -> NoReturn:
    raise Unproven(why)
