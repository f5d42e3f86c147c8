"""Parts of a system that a rule may keep while the rest goes: tables, prefixes, groups or streams of logs."""

from portal.lib import prefixes, streams
from portal.lib.prefixes import is_prefix, is_under

from .scope import System

WHOLE = "an erasure takes all of it: name a part to keep, or place a legal hold"
NEVER = {
    "metrics": "no part of it can be kept: series end with the retention of whatever keeps them, which is the same for"
    " everybody's, so none could be kept until a day",
    "cache": "no part of it can be kept: its keys end by themselves within hours",
    "vectors": "no part of it can be kept: vectors lead nowhere without the passages they were made of",
}
OTHERWISE = "no part of it can be kept: an erasure takes all of it, unless a legal hold stands"


def fault(part: str, one: System) -> str:
    """Why a rule cannot keep this part of this system, in words; an empty text where it can.

    An empty part is the whole system, which only what no erasure takes away can keep.
    """
    if not part:
        return WHOLE if one.verifier else ""
    if one.system == "postgres":
        names = [name.removeprefix("rag.") for name in one.tables]
        return "" if part in names else f"no table of it is called {part}; it has {', '.join(names) or 'none'}"
    if one.system == "objects":
        return "" if is_prefix(part) else prefixes.SAYS
    if one.system == "logs":
        return "" if streams.is_part(part) else streams.SAYS
    return NEVER.get(one.system, OTHERWISE)


def covers(part: str, other: str) -> bool:
    """Whether all of the other part of the same system lies in this one."""
    return part == other or (is_prefix(part) and is_under(part, other))
