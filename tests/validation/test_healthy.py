"""A healthy tenant passes all nine, quickly, and nothing of the suite is left."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from lifecycle.provisioning.validation import NAMES, CheckResult, Target, run_suite, verdict
from lifecycle.provisioning.validation.canary import canary_names, is_canary
from lifecycle.stores.postgres import fences
from tests.validation.conftest import CLEAN, Stand, left_behind

SLOWEST_SECONDS = 10.0  # about one on a quiet machine; tests share theirs


def ignore(_: CheckResult) -> None:
    """Nobody listens."""


def test_all_nine_pass_and_leave_nothing(stand: Stand) -> None:
    target, heard = stand.tenant(), []
    results = run_suite(target, on_result=heard.append)
    assert {one.name: (one.outcome, one.summary) for one in results if one.outcome != "pass"} == {}
    assert sorted(one.name for one in results) == sorted(NAMES)
    assert heard == results
    judged = verdict(results)
    assert (judged.outcome, judged.rule, judged.decided_by) == ("pass", "none", ())
    assert left_behind(stand, target) == CLEAN


def test_a_held_tenant_passes_and_keeps_what_the_suite_left_until_it_is_released(stand: Stand) -> None:
    target = stand.tenant()
    for version, is_held in ((1, True), (2, False)):
        assert fences.set_hold(stand.region, target.tenant_id, is_held, version)
        results = run_suite(target, on_result=ignore)
        assert {one.name: (one.outcome, one.summary) for one in results if one.outcome != "pass"} == {}
    assert left_behind(stand, target) == CLEAN


def test_evidence_is_json_without_secrets(stand: Stand, healthy: Target) -> None:
    results = run_suite(healthy, on_result=ignore)
    told = json.dumps([one.evidence for one in results]) + " ".join(one.summary for one in results)
    binding, region = healthy.binding, healthy.region
    secrets = [binding.aws_secret_access_key, binding.cache_password, region.aws.secret_access_key]
    secrets += [region.cache.admin_password, *region.database.passwords.values()]
    assert not [secret for secret in secrets if secret in told]
    assert "loopback inside one machine, simulated region" in told
    by_name = {one.name: one.evidence for one in results}
    assert by_name["latency"]["samples"] >= 30 and by_name["latency"]["concurrency"] == healthy.concurrency
    assert len(by_name["authentication"]["answers"]) >= 20


def test_fast_enough(healthy: Target) -> None:
    run_suite(healthy, on_result=ignore)
    began = time.monotonic()
    run_suite(healthy, on_result=ignore)
    assert time.monotonic() - began < SLOWEST_SECONDS


def test_many_tenants_at_once(stand: Stand) -> None:
    """Several are validated together, with one canary between them."""
    targets = [stand.tenant() for _ in range(6)]
    began = time.monotonic()
    with ThreadPoolExecutor(4) as workers:  # the worker's concurrency
        judged = list(workers.map(lambda target: run_suite(target, on_result=ignore), targets))
    seconds = time.monotonic() - began
    bad = {one.name: one.summary for results in judged for one in results if one.outcome not in ("pass", "warn")}
    assert bad == {}
    assert all(left_behind(stand, target) == CLEAN for target in targets)
    assert seconds < 60, seconds


def test_what_is_done_is_not_done_again(healthy: Target) -> None:
    done = [name for name in NAMES if name != "row_security"]
    results = run_suite(healthy, on_result=ignore, already=done)
    assert [one.name for one in results] == ["row_security"]


def test_stops_between_checks(healthy: Target) -> None:
    assert run_suite(healthy, on_result=ignore, should_stop=lambda: True) == []


def test_the_canary_is_known_and_mended(stand: Stand, healthy: Target) -> None:
    names = canary_names(stand.region.name)
    assert is_canary(names.tenant_id) and not is_canary(healthy.tenant_id)
    stand.superuser(f"DELETE FROM bw.tenant_role WHERE tenant_id = '{names.tenant_id}'")
    results = run_suite(healthy, on_result=ignore, already=[n for n in NAMES if n != "tenant_isolation"])
    assert [one.outcome for one in results] == ["pass"], results[0].summary


def test_out_of_time_is_not_a_pass(stand: Stand) -> None:
    results = run_suite(stand.tenant(budget_seconds=0.0), on_result=ignore)
    assert sorted(one.name for one in results) == sorted(NAMES)
    assert verdict(results).rule == "roll_back" and verdict(results).could_not_run
