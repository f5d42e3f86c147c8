"""Terraform without a registry: a served double of `hashicorp/aws`, and commands that use it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lifecycle.provisioning.terraform import reattach
from lifecycle.provisioning.terraform.binary import configured
from lifecycle.provisioning.terraform.run import PROJECT, TERRAFORM

HERE = Path(__file__).parent


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """Serve the double, and the provider of regions for its names and types; yield how to reach them.

    What a test writes to `outside.json` of the folder, others have done to the double's resources (world.py).
    """
    others = ("--outside", str(folder / "outside.json"))
    served = [_start(folder / "aws.json", "terraform.testing", "--folder", str(HERE), *others)]
    served.append(_start(folder / "region.json", "terraform.provider"))
    try:
        for process in served:
            assert process.stdout and process.stdout.readline() == b"ready\n"
        yield {**json.loads((folder / "aws.json").read_text()), **json.loads((folder / "region.json").read_text())}
    finally:
        for process in served:
            process.terminate()
        assert [process.wait(30) for process in served] == [0, 0]


def _start(reattach_file: Path, module: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", module, "serve", "--reattach-file", str(reattach_file), *more]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)


def terraform(*arguments: str, cwd: Path, data: Path, check: bool = True, **more: str) -> str:
    """Run Terraform with a data directory of its own; return what it said, in a failure all of it."""
    quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    environment = {**os.environ, "TF_DATA_DIR": str(data), **quiet, **more}
    environment.pop("BAILIWICK_TF_REATTACH_FILE", None)
    with reattach.decoy(environment) as keep_open:
        done = subprocess.run(
            [*configured().argv, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            pass_fds=keep_open,
        )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def copied(source: Path, target: Path) -> Path:
    """Copy a root so that it keeps its state beside itself, with the modules where it looks for them."""
    shutil.copytree(TERRAFORM / "modules", target / "modules", dirs_exist_ok=True)
    root = target / source.relative_to(TERRAFORM) if source.is_relative_to(TERRAFORM) else target / source.name
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("tests"), dirs_exist_ok=True)
    (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    return root


def planned(root: Path, *arguments: str, data: Path | None = None, **more: str) -> dict[str, Any]:
    """Initialise, plan, and return the plan as Terraform tells it."""
    data = data or root / ".data"
    terraform("init", "-input=false", cwd=root, data=data, **more)
    terraform("plan", "-out=plan.bin", *arguments, cwd=root, data=data, **more)
    said: dict[str, Any] = json.loads(terraform("show", "-json", "plan.bin", cwd=root, data=data, **more))
    return said
