"""Failures half-way: what Terraform made goes again, what nobody noted is found, what was killed goes on."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands, recovery
from lifecycle.provisioning.terraform.events import events
from lifecycle.provisioning.terraform.files import UNSAVED, read_json, write_json
from lifecycle.provisioning.terraform.plan import is_continuation
from lifecycle.provisioning.terraform.processes import is_alive
from lifecycle.provisioning.terraform.run import Run, prepare, reopen
from lifecycle.stores import sweep
from lifecycle.stores.objects import buckets, keys
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region
from tests.terraform.conftest import INPUTS

Faults = Callable[..., None]
TYPES = (
    "region_row_security",
    "region_tenant_role",
    "region_vector_namespace",
    "region_kms_key",
    "region_iam_user",
    "region_bucket",
    "region_log_group",
    "region_cache_acl",
    "region_tag_set",
)


def sweep_of(region: Region, run: Run, tmp_path: Path) -> sweep.Sweep:
    addresses = commands.state_list(run)
    return sweep.residue(region, run.names, secrets=FileSecrets(tmp_path / "secrets"), state_addresses=addresses)


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.mark.parametrize("failing", TYPES)
def test_failing_at_any_resource_then_destroy_leaves_nothing(
    region: Region, run: Run, faults: Faults, tmp_path: Path, failing: str
) -> None:
    commands.plan(run)
    faults(**{f"create:{failing}": "AccessDenied: the drill says no"})
    result = commands.apply(run)
    assert result.exit_code == 1 and not result.state_suspect
    failed = [row for row in events(run.directory).resources if row.state == "failed"]
    assert failed and all(failing in row.address for row in failed)
    assert all(row.message.startswith("AccessDenied: the drill says no") for row in failed)
    assert "the drill says no" in commands.last_error(run.directory)
    faults()
    assert commands.destroy(run).ok
    assert sweep_of(region, run, tmp_path).is_clean


def test_failed_at_one_resource_the_rest_is_applied_by_a_continuation(run: Run, faults: Faults) -> None:
    approved = commands.plan(run)
    faults(**{"create:region_bucket": "InternalError: try again"})
    assert not commands.apply(run).ok
    faults()
    now = commands.plan(run)
    assert [one.type for one in now.changes] == ["region_bucket"]
    assert is_continuation(approved, now) and not is_continuation(now, approved)
    assert commands.apply(run).ok and commands.plan(run).is_empty


def test_transient_trouble_is_tried_again(run: Run, faults: Faults, served: Path) -> None:
    commands.plan(run)
    faults(**{"create:region_log_group": {"message": "Throttling: slow down", "times": 2, "transient": True}})
    assert commands.apply(run).ok
    assert read_json(served)["create:region_log_group"]["times"] == 0


def test_destroy_failing_twice_then_succeeding(region: Region, run: Run, faults: Faults, tmp_path: Path) -> None:
    commands.plan(run)
    assert commands.apply(run).ok
    faults(**{"delete:region_bucket": {"message": "ServiceUnavailable: no", "times": 2}})
    for _ in range(2):
        assert not commands.destroy(run).ok
        left = sweep_of(region, run, tmp_path)
        assert not left.is_clean and "module.tenant.region_bucket.this" in commands.state_list(run)
        with pytest.raises(ValueError, match="still lists"):
            state.delete_state(run.backend, run.names.state_key)
    assert commands.destroy(run).ok
    assert sweep_of(region, run, tmp_path).is_clean


def test_killed_in_the_middle_a_successor_goes_on_and_nothing_is_there_twice(
    region: Region, run: Run, faults: Faults
) -> None:
    """Kill the supervisor and Terraform at once while the bucket is being made: lock left, the bucket in no state.

    What was made before it may be in the state: Terraform saves it every twenty seconds, and a busy machine needs more.
    """
    approved = commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1.5}})
    commands.start(run, "apply")
    until(lambda: any("region_bucket" in row.address for row in _running(run)))
    assert commands.status(run.directory).state == "running"
    _kill_both(run)
    until(lambda: commands.status(run.directory).state == "dead")
    assert state.read_lock(run.backend, run.names.state_key)
    noted = (state.read_state(run.backend, run.names.state_key) or {}).get("resources") or []
    assert "region_bucket" not in {row["type"] for row in noted}
    assert keys.read(region, run.names.kms_alias)

    faults()
    successor = reopen(run.directory, backend=run.backend)
    found = recovery.recover(successor)
    assert found.verdict == "clear" and found.suspect and found.unlocked
    now = commands.plan(successor)
    assert is_continuation(approved, now)
    assert commands.apply(successor).ok and commands.plan(successor).is_empty
    assert len(keys.of_tenant_keys(region, run.names.tenant_id)) == 1
    assert recovery.recover(successor) == recovery.Recovery("clear", suspect=False)


def test_killed_in_the_middle_a_rollback_finds_what_the_state_never_knew(
    region: Region, run: Run, faults: Faults, tmp_path: Path
) -> None:
    commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1, "after": True}})
    commands.start(run, "apply")
    until(lambda: buckets.read(region, run.names.bucket))
    _kill_both(run)
    until(lambda: commands.status(run.directory).state == "dead")
    assert recovery.recover(run).suspect
    faults()
    assert commands.destroy(run).ok  # knows of nothing
    secrets = FileSecrets(tmp_path / "secrets")
    assert not sweep_of(region, run, tmp_path).is_clean
    until(lambda: not sweep.purge(region, run.names, secrets=secrets)[1])
    assert sweep_of(region, run, tmp_path).is_clean


def test_the_supervisor_killed_alone_terraform_still_saves_its_state(run: Run, faults: Faults) -> None:
    commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1.5}})
    pid = commands.start(run, "apply")
    until(lambda: any("region_bucket" in row.address for row in _running(run)))
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(read_json(run.directory / "heartbeat.json")))
    assert commands.status(run.directory).state == "running"  # Terraform still is
    result = commands.wait(run.directory, timeout=30)
    assert result.state_suspect and not result.ok and commands.status(run.directory).state == "dead"
    found = recovery.recover(run)
    assert found.verdict == "clear" and found.suspect and not found.unlocked
    assert len(commands.state_list(run)) > 10


def test_a_living_run_is_not_taken_over(run: Run, faults: Faults) -> None:
    commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1}})
    commands.start(run, "apply")
    assert recovery.recover(run).verdict == "running"
    with pytest.raises(commands.TerraformFailed, match="is running"):
        commands.start(run, "destroy")
    assert recovery.running(run.directory.parent) == [run.directory]
    assert commands.wait(run.directory, timeout=60).ok


def test_a_run_of_another_host_is_waited_out(run: Run) -> None:
    commands.plan(run)
    (run.directory / "result.json").unlink()
    beat = read_json(run.directory / "heartbeat.json")
    write_json(run.directory / "heartbeat.json", {**beat, "host": "elsewhere", "at": time.time()})
    early = recovery.recover(run)
    assert early.verdict == "too_early" and early.ask_again_at > time.time() + 60
    assert recovery.recover(run, lease=0, grace=0).verdict == "clear"


def test_a_lock_of_somebody_else_is_not_cleared(run: Run) -> None:
    taken = "2026-01-01T00:00:00.123456789Z"
    lock = {"ID": "1", "Who": "engineer@laptop", "Operation": "OperationTypeApply", "Created": taken}
    run.backend.client().put_object(
        Bucket=run.backend.bucket, Key=f"{run.names.state_key}.tflock", Body=json.dumps(lock).encode()
    )
    found = recovery.recover(run)
    assert found.verdict == "locked" and found.holder.startswith("engineer@laptop") and not found.unlocked
    write_json(run.directory / "heartbeat.json", {"command": "apply", "last_event": "", "at": time.time(), "pid": 0})
    assert recovery.recover(run, lease=0, grace=0).verdict == "locked"
    run.backend.client().delete_object(Bucket=run.backend.bucket, Key=f"{run.names.state_key}.tflock")


def test_a_state_that_could_not_be_saved_is_saved_by_the_successor(run: Run, backend: state.Backend) -> None:
    """Terraform leaves the state beside itself when the backend does not take it."""
    commands.plan(run)
    assert commands.apply(run).ok
    kept = state.read_state(backend, run.names.state_key)
    assert kept
    (run.root / UNSAVED).write_text(json.dumps({**kept, "serial": kept["serial"] + 1}))
    with pytest.raises(ValueError, match="not saved yet"):
        prepare(run.directory, names=run.names, inputs=INPUTS, backend=backend)
    assert recovery.recover(run).verdict == "clear" and not (run.root / UNSAVED).exists()
    saved = state.read_state(backend, run.names.state_key)
    assert saved and saved["serial"] > kept["serial"]


def test_stopping_gently_saves_the_state(run: Run, faults: Faults) -> None:
    commands.plan(run)
    faults(**{"create:region_iam_user": {"sleep": 1.5}})
    commands.start(run, "apply")
    until(lambda: any("region_iam_user" in row.address for row in _running(run)))
    result = commands.stop(run.directory, timeout=60)
    assert result and result.signals_sent == ("SIGINT",) and not result.ok and not result.state_suspect
    assert commands.state_list(run) and state.read_lock(run.backend, run.names.state_key) is None


def test_what_does_not_stop_is_killed_and_its_state_is_suspect(run: Run, faults: Faults) -> None:
    commands.plan(run)
    faults(**{"create:region_iam_user": {"sleep": 8}})
    commands.start(run, "apply", timeout=1.5, grace=(0.3, 0.3))
    result = commands.wait(run.directory, timeout=30)
    assert result.signals_sent[:2] == ("SIGINT", "SIGTERM") and result.state_suspect and result.seconds < 6
    assert recovery.recover(run).suspect


def test_terraform_told_to_end_by_somebody_else_saves_its_state_and_goes_on(run: Run, faults: Faults) -> None:
    """SIGTERM to Terraform itself, as a machine sends it to all that runs when it goes down."""
    approved = commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1.5}})
    commands.start(run, "apply")
    until(lambda: any("region_bucket" in row.address for row in _running(run)))
    os.kill(read_json(run.directory / "heartbeat.json")["terraform_pid"], signal.SIGTERM)
    result = commands.wait(run.directory, timeout=60)
    assert not result.ok and result.signals_sent == ()
    assert commands.state_list(run) and state.read_lock(run.backend, run.names.state_key) is None
    faults()
    rest = commands.plan(run)
    assert is_continuation(approved, rest) and commands.apply(run).ok and commands.plan(run).is_empty


def test_a_provider_that_hears_and_never_answers_is_left_at_the_time_limit(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It takes the connection and hangs: commands end by their limits, nothing stays locked, and the run goes on."""
    served, mute = os.environ["BAILIWICK_TF_REATTACH_FILE"], {}
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "mute.sock"))
        hanging.listen(64)
        for address, about in json.loads(Path(served).read_text()).items():
            mute[address] = {**about, "Addr": {"Network": "unix", "String": str(tmp_path / "mute.sock")}}
        write_json(tmp_path / "mute.json", mute)
        monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", str(tmp_path / "mute.json"))
        commands.start(run, "plan", timeout=1, grace=(0.5, 0.5))
        result = commands.wait(run.directory, timeout=30)
        assert not result.ok and result.signals_sent[0] == "SIGINT" and result.seconds < 10
        with pytest.raises(commands.TerraformFailed, match="no answer in 1 s"):
            commands._call(run, "schema", ["providers", "schema", "-json"], 1)
    monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", served)
    assert recovery.recover(run).verdict == "clear"
    commands.plan(run)
    assert commands.apply(run).ok


@pytest.mark.parametrize("lives_until_running", [True, False])
def test_a_run_tied_to_its_parent_ends_with_it(run: Run, faults: Faults, lives_until_running: bool) -> None:
    commands.plan(run)
    faults(**{"create:region_bucket": {"sleep": 1}})
    parent = os.fork()
    if parent == 0:
        commands.start(run, "apply", die_with_parent=True)
        if lives_until_running:
            until(lambda: any("region_bucket" in row.address for row in _running(run)))
        os._exit(0)
    os.waitpid(parent, 0)
    result = commands.wait(run.directory, timeout=30)
    assert result.signals_sent == ("SIGINT",) and not result.ok


def test_a_provider_that_is_away_is_said_at_once(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = {
        "registry.terraform.io/bailiwick/region": {"Addr": {"Network": "unix", "String": str(tmp_path / "none.sock")}}
    }
    write_json(tmp_path / "reattach.json", absent)
    monkeypatch.setenv("BAILIWICK_TF_REATTACH_FILE", str(tmp_path / "reattach.json"))
    with pytest.raises(Exception, match="does not answer on its socket"):
        commands.plan(run)


def _running(run: Run) -> list[object]:
    return [row for row in events(run.directory).resources if row.state == "running"]


def _kill_both(run: Run) -> None:
    beat = read_json(run.directory / "heartbeat.json")
    assert is_alive(beat)
    os.kill(beat["pid"], signal.SIGKILL)
    os.killpg(beat["terraform_pid"], signal.SIGKILL)
