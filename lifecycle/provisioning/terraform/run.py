"""One run of Terraform for one tenant: a private directory which alone is enough to continue or to judge it.

DIR/run.json             whose run it is, where its state is, the hash of the modules; no credentials
DIR/src/                 a copy of the stack and the modules as they were when the run was prepared
DIR/data/                TF_DATA_DIR
DIR/plan.bin, plan.json  the saved plan, and its masked summary
DIR/log.jsonl, heartbeat.json, result.json, stderr.log     the child's (child.py)
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from lifecycle.provisioning.terraform.backend import Backend
from lifecycle.provisioning.terraform.files import ROOT, UNSAVED, read_json, write_json
from lifecycle.provisioning.terraform.inputs import TenantInputs
from lifecycle.provisioning.terraform.processes import command_alive
from lifecycle.stores.names import TenantNames

PROJECT = Path(__file__).resolve().parents[3]
TERRAFORM = PROJECT / "terraform"
# Names and places alone. Where an account has no key, the SDK finds a role by those of AWS.
PASSED_ON = (
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "BAILIWICK_PROVIDER_FAULTS",
    "BAILIWICK_REGIONS_FILE",
    "BAILIWICK_TF_REATTACH_FILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "NO_PROXY",
    "PATH",
    "PYTHONPATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TF_REATTACH_PROVIDERS",
    "TMPDIR",
    "VIRTUAL_ENV",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
SOURCES = (".tf", ".json", ".tftest.hcl", ".terraform.lock.hcl")


@dataclass(frozen=True)
class Run:
    """A prepared run. Everything but the backend's credentials can be read again from `directory`."""

    directory: Path
    names: TenantNames
    backend: Backend
    module_hash: str

    @property
    def root(self) -> Path:
        return self.directory / ROOT

    @property
    def plan_file(self) -> Path:
        return self.directory / "plan.bin"

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a Terraform process: none of the caller's secrets or Terraform settings."""
        return {
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            **self.backend.environment(),
            "TF_DATA_DIR": str(self.directory / "data"),
            "TF_CLI_CONFIG_FILE": str(self.directory / "terraform.rc"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }


def prepare(
    directory: Path,
    *,
    names: TenantNames,
    inputs: TenantInputs,
    backend: Backend,
    modules: Mapping[str, str] | None = None,
    kind: str = "embedded",
) -> Run:
    """Make a private run directory for this tenant; an existing one of the same tenant is made anew.

    `modules` are the tree to run (path to text), by default the one installed here; `kind` is the region's, and decides
    which of the tree's roots that is.
    """
    known = read_json(directory / "run.json")
    if known and known["tenant_id"] != str(names.tenant_id):
        raise ValueError(f"{directory} belongs to another tenant's run")
    if command_alive(read_json(directory / "heartbeat.json") or {}):
        raise ValueError(f"a command of the run in {directory} is still at work")
    if (directory / ROOT / UNSAVED).exists():
        raise ValueError(f"the run in {directory} holds a state that is not saved yet: recover it first")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = sources() if modules is None else modules
    _write_sources(directory / "src", _rooted(given, kind))
    run = Run(directory, names, backend, hash_of(given))
    write_json(run.root / "tenant.auto.tfvars.json", inputs.variables(names))
    write_json(directory / "backend.json", backend.configuration(names.state_key))
    (directory / "terraform.rc").write_text(_cli_configuration())
    write_json(directory / "run.json", _identity(run))
    return run


def reopen(directory: Path, *, backend: Backend) -> Run:
    """Return the run prepared in `directory`, in this or an earlier process."""
    said = read_json(directory / "run.json")
    if said is None:
        raise FileNotFoundError(f"no run was prepared in {directory}")
    second = said.get("state_of", ""), said.get("bears_region", False)
    names = TenantNames(UUID(said["tenant_id"]), said["name"], said["region"], *second)
    return Run(directory, names, backend, said["module_hash"])


def module_hash() -> str:
    """Return a hash over the names and contents of the tenant stack and all modules."""
    return hash_of(sources())


def hash_of(modules: Mapping[str, str]) -> str:
    """Return a hash over the names and contents of a tree of modules."""
    total = hashlib.sha256()
    for path, text in sorted(modules.items()):
        total.update(path.encode() + b"\0")
        total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()


def sources() -> dict[str, str]:
    """Return the tenant stack and all modules as they are installed here, by path."""
    roots = (TERRAFORM / "modules", *(TERRAFORM / "stacks").glob("tenant*"))
    found = (path for root in roots for path in root.rglob("*") if path.is_file() and path.name.endswith(SOURCES))
    kept = sorted(path for path in found if ".terraform" not in path.parts)
    return {path.relative_to(TERRAFORM).as_posix(): path.read_bytes().decode() for path in kept}


def _rooted(modules: Mapping[str, str], kind: str) -> dict[str, str]:
    """Return the tree with the root for this kind of region where the tenant's root is expected."""
    own = "stacks/tenant/" if kind == "embedded" else f"stacks/tenant_{kind}/"
    found = {f"stacks/tenant/{path.removeprefix(own)}": text for path, text in modules.items() if path.startswith(own)}
    if not found:
        raise ValueError(f"these modules have no root for a region of kind {kind}")
    return {path: text for path, text in modules.items() if not path.startswith("stacks/")} | found


def _write_sources(target: Path, modules: Mapping[str, str]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for name, text in modules.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def _identity(run: Run) -> dict[str, Any]:
    return {
        "tenant_id": str(run.names.tenant_id),
        "name": run.names.name,
        "region": run.names.region,
        "state_of": run.names.state_of,
        "bears_region": run.names.bears_region,
        "state_key": run.names.state_key,
        "module_hash": run.module_hash,
    }


def _cli_configuration() -> str:
    """Return a CLI configuration that never asks a registry when a mirror of providers is set."""
    mirror = os.environ.get("BAILIWICK_PROVIDER_MIRROR", "")
    if not mirror:
        return ""
    return f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
