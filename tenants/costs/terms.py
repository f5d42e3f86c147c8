"""Service credits as people write them: one a line, below which percentage how much is given back."""

import re

from portal.lib.errors import Invalid

LINE = re.compile(r"^(\d{1,3}(?:\.\d{1,4})?)\s+(\d{1,3}(?:\.\d{1,2})?)$")
MOST = 10


def parse(text: str) -> list[tuple[str, str]]:
    """`99.9 10` a line: below 99.9 % of the month, 10 % of the baseline is given back."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [LINE.match(line) for line in lines]
    if not all(found) or len(lines) > MOST:
        raise Invalid(fields={"credits": f"up to {MOST} lines such as 99.9 10"})
    return [(one[1], one[2]) for one in found if one]
