"""Puts the provider into a filesystem mirror, for runs without the long-lived process, and others' beside it."""

import hashlib
import platform
import re
import shlex
import shutil
import sys
from pathlib import Path

from terraform.provider import VERSION

PROJECT = Path(__file__).resolve().parents[2]
HOSTS = ("registry.terraform.io", "registry.opentofu.org")
PACKAGE = re.compile(r"terraform-provider-(?P<name>[a-z0-9-]+)_(?P<version>[0-9.]+)_\w+_\w+\.zip")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def install(mirror: Path) -> list[Path]:
    """Write the executable for this machine into the mirror, for Terraform and OpenTofu; return the files."""
    machine = platform.machine()
    target = f"{platform.system().lower()}_{ARCHITECTURES.get(machine, machine)}"
    script = _script()
    written = []
    for host in HOSTS:
        folder = mirror / host / "bailiwick" / "region" / VERSION / target
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"terraform-provider-region_v{VERSION}"
        path.write_text(script)
        path.chmod(0o755)
        written.append(path)
    return written


def add(mirror: Path, packages: Path) -> list[Path]:
    """Copy HashiCorp's packages (`terraform-provider-aws_…_linux_amd64.zip`) into the mirror; return the files.

    Each has its line in a file `…_SHA256SUMS` beside it, as HashiCorp publishes them; one that has none, or another
    sum, ends in SystemExit and nothing is copied.
    """
    listed = "\n".join(path.read_text() for path in packages.glob("*SHA256SUMS"))
    known = {name: found for found, name in re.findall(r"^([0-9a-f]{64})\s+\*?(\S+)$", listed, re.MULTILINE)}
    found = {path: PACKAGE.fullmatch(path.name) for path in sorted(packages.glob("terraform-provider-*.zip"))}
    for path, about in found.items():
        if about is None or hashlib.sha256(path.read_bytes()).hexdigest() != known.get(path.name):
            raise SystemExit(f"{path.name} is not what a SHA256SUMS file beside it says")
    written = []
    for path, about in found.items():
        for host in HOSTS:
            target = mirror / host / "hashicorp" / about["name"] / path.name  # type: ignore[index]  # matched above
            target.parent.mkdir(parents=True, exist_ok=True)
            written.append(Path(shutil.copyfile(path, target)))
    return written


def _script() -> str:
    project, python = shlex.quote(str(PROJECT)), shlex.quote(sys.executable)
    path = f'PYTHONPATH={project}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    return f'#!/bin/sh\n{path} exec {python} -m terraform.provider plugin "$@"\n'
