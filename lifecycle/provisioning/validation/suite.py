"""Runs the nine checks, those that can at the same time together."""

import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from lifecycle.provisioning.validation.checks import BACKGROUND, PHASES, Check
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.result import CheckResult
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores.errors import StoreError

POLL_SECONDS = 0.5
Running = dict["Future[CheckResult]", Check]


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
    running: Running = {}
    deadline = time.monotonic() + target.budget_seconds

    def tell(result: CheckResult) -> None:
        results.append(result)
        on_result(result)

    pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="validation")
    try:
        for phase in PHASES:
            if should_stop():
                break
            running |= {pool.submit(run_check, target, one): one for one in phase if one.name not in already}
            _collect(running, deadline, tell, leaving=BACKGROUND)
        _collect(running, deadline, tell)
    finally:
        # a check past its time ends by the timeouts of its own calls
        pool.shutdown(wait=False, cancel_futures=True)
    return results


def run_check(target: Target, check: Check) -> CheckResult:
    """Run one check; whatever it raises is a reason why it could not run."""
    began = time.monotonic()
    found = Findings(check.category)
    try:
        check.run(target, found)
    except CouldNotRun as reason:
        found.unseen(str(reason))
    except StoreError as error:
        found.unseen(f"{error.system} did not do {error.operation}: {error.message}")
    except Exception as error:  # noqa: BLE001 - a check that fails to look has not passed, whatever the reason
        found.unseen(f"{type(error).__name__}: {error}".strip())
    return _result(check, found, time.monotonic() - began)


def _collect(
    running: Running, deadline: float, tell: Callable[[CheckResult], None], leaving: Collection[str] = ()
) -> None:
    """Tell the results of what runs, apart from checks in `leaving`, as they come; what is late could not run."""
    while awaited := [future for future, check in running.items() if check.name not in leaving]:
        left = deadline - time.monotonic()
        done, _ = wait(running, timeout=max(0.0, min(left, POLL_SECONDS)), return_when=FIRST_COMPLETED)
        for future in done:
            del running[future]
            tell(future.result())
        if left <= 0 and not done:
            for future in awaited:
                tell(_late(running.pop(future)))


def _late(check: Check) -> CheckResult:
    found = Findings(check.category)
    found.unseen("was not finished within the suite's time budget")
    return _result(check, found, 0.0)


def _result(check: Check, found: Findings, seconds: float) -> CheckResult:
    return CheckResult(
        name=check.name,
        title=check.title,
        category=found.category,
        outcome=found.outcome,
        summary=found.summary,
        evidence=found.evidence,
        seconds=round(seconds, 3),
    )
