"""Parts of a tenant's logs, as far as CloudWatch Logs can let the rest go: it deletes groups and streams, never lines.

`/audit` is a group beneath the tenant's own, `audit/` streams of its own that begin so, `audit` the one of that name.
"""

import re

from .prefixes import SEGMENT, is_prefix, narrowest

GROUP = re.compile(r"(?:/[A-Za-z0-9_.#-]+)+")
STREAM = re.compile(rf"{SEGMENT}(?:/{SEGMENT})*")
SAYS = (
    "of logs a group beneath the tenant's own (/audit), streams of its own that begin so (audit/, users/*/audit/) or"
    " the one of that name (audit) can be kept, and no single lines"
)


def is_part(text: str) -> bool:
    """Whether it names such a part; `.` and `..` are no segments."""
    is_one = GROUP.fullmatch(text) or STREAM.fullmatch(text) or is_prefix(text)
    return bool(is_one) and not {".", ".."} & set(text.split("/"))


def own_group(region: str, tenant_id: object) -> str:
    """The name of the tenant's own group in a region."""
    return f"/rag/{region}/{tenant_id}"


def beneath(own: str, group: str) -> str | None:
    """What a group's name adds to the tenant's own: nothing where it is that, None where it lies elsewhere."""
    return group.removeprefix(own) if group == own or group.startswith(f"{own}/") else None


def part_of(parts: frozenset[str], place: str | None, stream: str) -> str:
    """Of which of the parts a stream is, the narrowest; an empty text where it is of none.

    `place` is what its group adds to the tenant's own; without a stream the group itself is asked about.
    """
    if place is None or place:
        return place if place and place in parts else ""
    return stream if stream in parts else narrowest(frozenset(filter(is_prefix, parts)), stream)
