"""A tenant that really stands in the test region, made by the real runner with the modules installed here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.estate import stacks
from lifecycle.estate.modules import keep, pin
from lifecycle.models import TenantRequest
from lifecycle.provisioning.subject import backend
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.backend import ensure_bucket, read_state
from lifecycle.provisioning.terraform.run import prepare
from lifecycle.stores import sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import FileSecrets
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import tenant
from tests.estate.made import SYSTEM
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put
from tests.terraform.conftest import faults, served

__all__ = ["faults", "served"]


@pytest.fixture
def standing(shipped: None, served: Path, region: Region, settings: Any, tmp_path: Path) -> Iterator[Tenant]:
    """Active, applied and pinned; whatever it still has goes afterwards."""
    settings.WORK_DIR, settings.SECRETS_DIR = tmp_path / "work", tmp_path / "secrets"
    request = asked(name=f"stands-{tmp_path.name[-12:].strip('_').replace('_', '-')}"[:30].rstrip("-"))
    put(request, "active")
    request = TenantRequest.objects.get(pk=request.pk)
    found = tenant(request.name, "FIN", "meera", id=request.tenant_id, tier_id=request.tier_id)
    stack = stacks.stack_of(found)
    store = ensure_bucket(backend())
    run = prepare(stack.directory, names=stack.names, inputs=stack.inputs, backend=store)
    commands.init(run)
    commands.plan(run)
    assert commands.apply(run).ok, commands.last_error(run.directory)
    keep()
    pin(found.pk, run.module_hash, read_state(store, stack.names.state_key), actor=SYSTEM)
    yield found
    commands.stop(run.directory, timeout=30)
    sweep.purge(region, stack.names, secrets=FileSecrets(tmp_path / "secrets"))


def names(of: Tenant) -> TenantNames:
    return TenantNames(of.pk, of.name, of.region)
