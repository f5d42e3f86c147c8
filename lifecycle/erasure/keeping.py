"""What a law keeps of systems whose rest is erased: parts of them, as far as the last look found anything there."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from compliance.erasing.models import SystemRun
from compliance.erasing.parts import covers
from compliance.erasing.queries import Facts

from .subject import runs

Part = dict[str, Any]
"""An exemption of the request: `system`, `part`, `category`, `ground`, `until`, `rule`."""


def standing(facts: Facts, run: SystemRun | None) -> list[Part]:
    """The parts of one system of which something is there; none where nothing of it had been, or nobody could look."""
    there = run.checks[-1].get("kept", {}) if run is not None and run.checks else {}
    parts = [one for one in facts.exemptions if one["part"] and run is not None and one["system"] == run.name]
    return [one for one in parts if any(_is_of(place, one["part"]) for place in there)]


def anywhere(facts: Facts) -> list[Part]:
    """The same of all systems."""
    return [one for run in runs(facts).values() for one in standing(facts, run)]


def owed(part: Part) -> str:
    """What its obligation says."""
    return f"{part['part']} is kept by law until that day ({part['rule']}), and owed then"


def last_day(parts: Iterable[Part]) -> date | None:
    return max((one["until"] for one in parts), default=None)


def counted(run: SystemRun) -> str:
    """How much is kept, where, in words: `rag.query_history 3, rag.users 1`."""
    return ", ".join(f"{place} {number}" for place, number in sorted(run.checks[-1].get("kept", {}).items()))


def _is_of(place: str, part: str) -> bool:
    """Whether a table, a prefix of a bucket, or a group or stream of logs is the part that a rule names, or in it."""
    inside = place.partition("/")[2]
    return covers(part, inside) if inside else place == f"rag.{part}"
