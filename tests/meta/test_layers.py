"""Calls go down and news comes up: the contracts of .importlinter hold."""

import os
import subprocess
import sys
from pathlib import Path

from tests.meta.source import ROOT


def test_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    packages = [str(project.parent) for project in ROOT.glob("packages/*/pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages])}
    done = subprocess.run(
        [linter, "--config", ROOT / ".importlinter", "--no-cache"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
