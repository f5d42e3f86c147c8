"""What needs no statistics: one is enough."""

from collections.abc import Sequence

from .observations import Window
from .verdict import Finding, Outcome


def check(windows: Sequence[Window]) -> Finding:
    """Fails at the first refused connection, row of another tenant, or hash that differs.

    Holds while nobody knows whether rows cross between tenants: a probe that could not be made has found nothing.
    """
    refused = sum(window.green.refused for window in windows if window.green)
    seen = {
        "connections refused by green": refused,
        "isolation probes that saw rows of another tenant": sum(window.leaks or 0 for window in windows),
        "hashes that differ between blue and green": sum(window.hash_mismatches for window in windows),
    }
    said = ", ".join(f"{what}: {count:,}" for what, count in seen.items() if count)
    if said:
        return Finding("hard triggers", Outcome.FAIL, said)
    if windows and windows[-1].leaks is None:
        return Finding("hard triggers", Outcome.HOLD, "it could not be tried whether rows cross between tenants")
    return Finding("hard triggers", Outcome.PASS, "no connection refused, no leak, no hash differs")
