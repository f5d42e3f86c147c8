"""Strict types where behaviour is decided: actions, policy, approvals, jobs, connectors, lib."""

import subprocess
import sys

from tests.meta.source import ROOT

# Checked together, because the plugins know a model only when its app is among what is checked.
CHECKED = ("portal", "tenants", "compliance", "lifecycle", "ragplatform", "terraform", "packages")
STRICT = (
    "portal/lib/",
    "portal/jobs/",
    "portal/approvals/",
    "portal/access/policy.py",
    "portal/access/queries.py",
    "portal/access/actions.py",
    "portal/audit/actions.py",
    "portal/guards/",
    "portal/signatures/",
    "tenants/actions",
    "tenants/queries.py",
    "tenants/flags/",
    "tenants/configuration/",
    "tenants/health/",
    "compliance/actions",
    "compliance/queries.py",
    "compliance/residency.py",
    "compliance/certificates/",
    "compliance/verifiers/",
    "compliance/inventory/",
    "compliance/draws/",
    "compliance/erasing/",
    "compliance/rechecks/",
    "compliance/scans/",
    "compliance/supplements/",
    "lifecycle/actions/",
    "lifecycle/queries.py",
    "lifecycle/migration/",
    "lifecycle/optimizer/",
    "lifecycle/exports/",
    "lifecycle/stores/",
    "lifecycle/tierchanges/",
    "lifecycle/provisioning/",
    "lifecycle/estate/",
    "ragplatform/",
    "packages/",
)


def test_strict() -> None:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *CHECKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 2: mypy itself failed
    errors = [line for line in done.stdout.splitlines() if ": error:" in line and line.startswith(STRICT)]
    assert not errors, "\n".join(errors)
