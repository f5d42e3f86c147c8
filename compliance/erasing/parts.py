"""Parts of a system that a rule may keep while the rest goes: a table of a region's rows, a prefix of its objects."""

from portal.lib.prefixes import SAYS, is_prefix, is_under

from .scope import System

WHOLE = "an erasure takes all of it: name a part to keep, or place a legal hold"


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
        return "" if is_prefix(part) else SAYS
    return "no part of it can be kept: an erasure takes all of it, unless a legal hold stands"


def covers(part: str, other: str) -> bool:
    """Whether all of the other part of the same system lies in this one."""
    return part == other or (is_prefix(part) and is_under(part, other))
