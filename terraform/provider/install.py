"""Puts the provider into a filesystem mirror, for runs without the long-lived process."""

import platform
import shlex
import sys
from pathlib import Path

from terraform.provider import VERSION

PROJECT = Path(__file__).resolve().parents[2]
HOSTS = ("registry.terraform.io", "registry.opentofu.org")
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


def _script() -> str:
    project, python = shlex.quote(str(PROJECT)), shlex.quote(sys.executable)
    path = f'PYTHONPATH={project}"${{PYTHONPATH:+:$PYTHONPATH}}"'
    return f'#!/bin/sh\n{path} exec {python} -m terraform.provider plugin "$@"\n'
