"""What needs no statistics: one is enough."""

from collections.abc import Sequence

from .observations import Window
from .verdict import Finding, Outcome


def check(windows: Sequence[Window]) -> Finding:
    """Fails at the first refused connection, row of another tenant, or hash that differs."""
    refused = sum(window.green.refused for window in windows if window.green)
    seen = {
        "connections refused by green": refused,
        "isolation probes that saw rows of another tenant": sum(window.leaks for window in windows),
        "hashes that differ between blue and green": sum(window.hash_mismatches for window in windows),
    }
    said = ", ".join(f"{what}: {count:,}" for what, count in seen.items() if count)
    if said:
        return Finding("hard triggers", Outcome.FAIL, said)
    return Finding("hard triggers", Outcome.PASS, "no connection refused, no leak, no hash differs")
