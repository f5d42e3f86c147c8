"""What a verification found, in sentences an auditor understands and as JSON for machines."""

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

Attack = Literal[
    "edited",
    "edited and recomputed",
    "rewritten with its copies",
    "rewritten",
    "leaf altered",
    "removed",
    "inserted",
    "reordered",
    "renumbered",
    "tail truncated",
    "earlier state restored",
    "re-signed",
    "unknown key",
    "anchor overwritten",
    "anchor missing",
    "copy rewritten",
    "back-dated",
    "post-dated",
    "duplicate id",
    "unreadable entry",
    "not witnessed",
]
Detector = Literal["stored leaf", "anchored copy", "anchor", "witness", "database checkpoint", "policy", "time", "id"]


MAX_LINES = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: entries `first` to `last` (indexes, both included), or the whole ledger when None."""

    attack: Attack
    detector: Detector
    message: str
    first: int | None = None
    last: int | None = None
    id: int | None = None

    def __str__(self) -> str:
        return f"{self.where()}: {self.attack.upper()}: {self.message} [found by {self.detector}]"

    def where(self) -> str:
        """The entries it is about."""
        if self.first is None:
            return "ledger"
        if self.first == self.last:
            return f"entry {self.first}" + ("" if self.id is None else f" (id {self.id})")
        return f"entries {self.first} to {self.last}"


@dataclass(slots=True)
class Report:
    """What was checked, against what, what is wrong, and what all this does not prove."""

    path: str = ""
    entries: int = 0
    retired: int = 0
    checked: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    newest: str = ""
    circular: bool = False
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Nothing is wrong; warnings are to be read, they are no verdict."""
        return not self.findings

    def json(self) -> str:
        """Return the report for machines."""
        return json.dumps({"ok": self.ok, **asdict(self)}, indent=2, ensure_ascii=False)

    def text(self) -> str:
        """Return the report for people."""
        lines = [f"Ledger {self.path}: {self.entries:,} entries in {self.seconds:.1f} s.", "", "Checked"]
        lines += [f"  {count:>11,}  {what}" for what, count in self.checked.items()]
        lines += ["", "Trusted keys", *(f"  {key}" for key in self.keys), "", f"Newest checkpoint: {self.newest}"]
        if self.circular:
            lines += ["", *CIRCULAR]
        for title, found in (("WRONG", self.findings), ("To look at", self.warnings)):
            if found:
                lines += ["", f"{title} ({len(found)})", *(f"  {one}" for one in found[:MAX_LINES])]
                lines += [f"  and {len(found) - MAX_LINES} more, all with --json"] if len(found) > MAX_LINES else []
        lines += ["", "What this does not prove", *(f"  * {note}" for note in self.notes), ""]
        verdict = "NOT INTACT" if self.findings else "intact as far as was checked"
        return printable("\n".join([*lines, f"The ledger is {verdict}.", ""]))


def printable(text: str) -> str:
    """The text without what could steer a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


CIRCULAR = (
    "!! THE KEYS CAME FROM THE EXPORT ITSELF. Whoever forged the export could have put their own keys there, so trust",
    "!! is circular and this run shows only that the export agrees with itself. Get policy.json from somebody other",
    "!! than the operator of the database and pass it with --policy.",
)
