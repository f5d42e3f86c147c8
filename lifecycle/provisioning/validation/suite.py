"""Runs the nine checks, those that can at the same time together."""

from collections.abc import Callable, Collection

from lifecycle.provisioning.validation.result import CheckResult
from lifecycle.provisioning.validation.target import Target


def run_suite(
    target: Target,
    *,
    on_result: Callable[[CheckResult], None],
    already: Collection[str] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> list[CheckResult]:
    """Run every check not named in `already` and return their results, each handed to `on_result` as it comes.

    `on_result` is called in the caller's thread. Never raises for what a check meets: that is its result. Stops
    between checks when `should_stop` says so and returns what there is. Leaves nothing behind in the tenant's stores;
    what a killed run left is removed by the next.
    """
    results: list[CheckResult] = []
    return results
