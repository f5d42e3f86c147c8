"""A served provider with fault drills, and prepared runs against the embedded region."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.inputs import TenantInputs
from lifecycle.provisioning.terraform.run import PROJECT, Run, prepare
from lifecycle.stores import sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region
from tests.terraform.doubles import serving

INPUTS = TenantInputs(
    tier="gold",
    environment="prod",
    cost_center="CC-1042",
    owner="retail-team",
    project="retail-banking",
    data_class="confidential",
    data_classes=("pii",),
    compliance=("gdpr",),
)


@pytest.fixture(scope="session")
def doubles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The double of AWS, one process for the session."""
    with serving(tmp_path_factory.mktemp("double")) as reached:
        yield reached


@pytest.fixture
def double(doubles: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform of this test meets the double of AWS."""
    monkeypatch.setenv("TF_REATTACH_PROVIDERS", json.dumps(doubles))


@pytest.fixture(scope="session")
def served(stack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A provider process of this test session; returns the file that drives its faults."""
    folder = tmp_path_factory.mktemp("provider")
    faults, reattach = folder / "faults.json", folder / "reattach.json"
    faults.write_text("{}")
    provider = subprocess.Popen(
        [sys.executable, "-m", "terraform.provider", "serve", "--reattach-file", str(reattach)],
        cwd=PROJECT,
        env={**os.environ, "BAILIWICK_PROVIDER_FAULTS": str(faults)},
        stdout=subprocess.PIPE,
    )
    assert provider.stdout and provider.stdout.readline() == b"ready\n"
    before = os.environ.get("BAILIWICK_TF_REATTACH_FILE")
    os.environ["BAILIWICK_TF_REATTACH_FILE"] = str(reattach)
    yield faults
    provider.terminate()
    assert provider.wait(30) == 0 and not reattach.exists()
    os.environ.pop("BAILIWICK_TF_REATTACH_FILE")
    if before:
        os.environ["BAILIWICK_TF_REATTACH_FILE"] = before


@pytest.fixture
def faults(served: Path) -> Iterator[Callable[..., None]]:
    """Set the provider's faults: `faults(**{"create:region_bucket": "AccessDenied: no"})`; all off afterwards."""

    def set_faults(**wanted: Any) -> None:
        served.write_text(json.dumps(wanted))

    yield set_faults
    served.write_text("{}")


@pytest.fixture(scope="session")
def backend(region: Region) -> state.Backend:
    made = state.Backend(
        region=region.name,
        endpoint_url=region.aws.endpoint_url,
        access_key_id=region.aws.access_key_id,
        secret_access_key=region.aws.secret_access_key,
    )
    state.ensure_bucket(made)
    return made


@pytest.fixture
def new_run(served: Path, region: Region, backend: state.Backend, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Prepare initialised runs of new tenants; whatever they made is swept away afterwards."""
    made: list[Run] = []

    def prepared(name: str = "retail-banking", inputs: TenantInputs = INPUTS) -> Run:
        names = TenantNames(uuid4(), name, region.name)
        run = prepare(tmp_path / "runs" / names.tenant_id.hex, names=names, inputs=inputs, backend=backend)
        commands.init(run)
        made.append(run)
        return run

    yield prepared
    for run in made:
        commands.stop(run.directory, timeout=30)
        sweep.purge(region, run.names, secrets=FileSecrets(tmp_path / "secrets"))


@pytest.fixture
def run(new_run: Callable[..., Run]) -> Run:
    return new_run()
