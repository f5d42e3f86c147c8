"""How long Terraform takes for a tenant, alone and ten at once, beside a floor: the bare connectors doing the same.

    python -m bench.terraform_runs

Starts two stores of its own and a provider, and leaves nothing behind.
"""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.inputs import TenantInputs
from lifecycle.provisioning.terraform.run import Run, prepare
from lifecycle.stores import sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import FileSecrets
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.contracts.tenants import make

INPUTS = TenantInputs(
    tier="gold", environment="dev", cost_center="bench", owner="bench", project="bench", data_class="internal"
)
STEPS: dict[str, Callable[[Run], object]] = {
    "init": commands.init,
    "plan": commands.plan,
    "apply": commands.apply,
    "destroy": commands.destroy,
}
TENANTS = 10


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-bench-") as folder,
        Stack(Path(folder) / "home", regions=("ap-south-1",), only=("stores", "provider")) as stack,
    ):
        os.environ.update(stack.env)
        region = stack.region("ap-south-1")
        backend = state.Backend(
            region.name, region.aws.endpoint_url, region.aws.access_key_id, region.aws.secret_access_key
        )
        state.ensure_bucket(backend)
        floor(region, 1)  # warms connections and caches
        for count in (1, TENANTS):
            runs = [prepared(region, backend, Path(folder)) for _ in range(count)]
            taken = {name: timed(count, step, runs) for name, step in STEPS.items()}
            least = floor(region, count)
            show(count, taken, least)


def prepared(region: Region, backend: state.Backend, folder: Path) -> Run:
    names = TenantNames(uuid4(), "bench-tenant", region.name)
    return prepare(folder / names.tenant_id.hex, names=names, inputs=INPUTS, backend=backend)


def timed(threads: int, step: Callable[[Run], object], runs: list[Run]) -> float:
    """Return the seconds until `step` is done for all runs, all begun at once."""
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        for result in pool.map(step, runs):
            if isinstance(result, commands.Result) and not result.ok:
                raise SystemExit(f"a run failed: {result}")
    return time.monotonic() - began


def floor(region: Region, count: int) -> float:
    """Return the seconds the connectors alone take to make so many tenants, all begun at once."""
    tenants = [TenantNames(uuid4(), "bench-floor", region.name) for _ in range(count)]
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda names: make(region, names), tenants))
    taken = time.monotonic() - began
    for names in tenants:
        sweep.purge(region, names, secrets=FileSecrets(Path("/nonexistent")))
    return taken


def show(count: int, taken: dict[str, float], least: float) -> None:
    up = taken["init"] + taken["plan"] + taken["apply"]
    print(f"terraform, {count} tenant{'s' if count > 1 else ''} at once:")
    for name, seconds in taken.items():
        print(f"  {name:8} {seconds:6.2f} s")
    print(f"  to a made tenant {up:.2f} s; floor (connectors alone) {least:.2f} s; ratio {up / least:.1f}")


if __name__ == "__main__":
    main()
