"""A suite killed at any moment leaves what the next one removes."""

import multiprocessing
import os
import random
import signal
import time

from lifecycle.provisioning.validation import Target, run_suite, verdict
from lifecycle.provisioning.validation import s3 as tenant_s3
from lifecycle.provisioning.validation.platform_api import PlatformApi, seeded_id
from lifecycle.provisioning.validation.traces import mark
from lifecycle.stores import aws
from tests.sweeps import SEED, WHOLE
from tests.validation.conftest import CLEAN, Stand, left_behind

ROUNDS = 12 if WHOLE else 4


def victim(target: Target) -> None:
    """Runs the suite with clients of its own: sockets shared over a fork would mix up answers."""
    aws._client.cache_clear()
    tenant_s3._client.cache_clear()
    while True:
        run_suite(target, on_result=lambda result: None)


def test_leftovers_of_a_killed_run_are_removed(stand: Stand) -> None:
    """The worst a kill can leave, put there on purpose."""
    target = stand.tenant()
    with PlatformApi(target) as api:
        body = {"id": str(seeded_id(target.tenant_id)), "title": "bw-validation", "text": "left", "access": []}
        assert api.call("POST", "/v1/documents", json=body).status_code == 201
        assert api.query(mark("latency") + "left").status_code == 200
        assert api.query(mark("metrics") + "left").status_code == 200
    s3 = stand.admin("s3")
    s3.put_object(Bucket=target.binding.bucket, Key="bw-validation/left", Body=b"1")
    s3.delete_object(Bucket=target.binding.bucket, Key="bw-validation/left")
    s3.create_multipart_upload(Bucket=target.binding.bucket, Key="bw-validation/open")
    run_suite(target, on_result=lambda result: None)
    assert left_behind(stand, target) == CLEAN
    assert verdict(run_suite(target, on_result=lambda result: None)).outcome == "pass"


def test_killed_at_random(stand: Stand) -> None:
    print(f"seed {SEED}")
    moments, target = random.Random(SEED), stand.tenant()
    for _ in range(ROUNDS):
        process = multiprocessing.get_context("fork").Process(target=victim, args=(target,), daemon=True)
        process.start()
        time.sleep(moments.uniform(0.1, 1.5))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    results = run_suite(target, on_result=lambda result: None)
    assert {one.name: one.summary for one in results if one.outcome not in ("pass", "warn")} == {}
    assert left_behind(stand, target) == CLEAN
