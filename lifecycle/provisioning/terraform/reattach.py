"""Lets a run use the long-lived provider safely.

Terraform watches the pid named in TF_REATTACH_PROVIDERS: when it goes, calls in flight are cancelled, and when the
provider's socket does not answer, Terraform *kills that pid*. A provider that was restarted, or a number the system
gave to somebody else since, would make that a wrong death. So a run names a process of its own there, which lives
exactly as long as the run.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIABLE = "TF_REATTACH_PROVIDERS"
FILE_VARIABLE = "BAILIWICK_TF_REATTACH_FILE"


class ProviderAway(Exception):
    """The long-lived provider does not answer on its socket; its supervisor starts it again."""

    is_transient = True


def configuration(environment: dict[str, str]) -> dict[str, Any]:
    """Return the reattach configuration: the file's, which is rewritten at every start, before the variable's."""
    path = environment.get(FILE_VARIABLE)
    if path and Path(path).exists():
        said = json.loads(Path(path).read_text())
    else:
        said = json.loads(environment.get(VARIABLE) or "{}")
    assert isinstance(said, dict)
    return said


def check(environment: dict[str, str]) -> None:
    """Raise ProviderAway unless every long-lived provider accepts a connection."""
    for name, provider in configuration(environment).items():
        address = provider["Addr"]["String"]
        is_tcp = provider["Addr"]["Network"] == "tcp"
        host, _, port = address.rpartition(":")
        with socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX) as probe:
            probe.settimeout(5)
            try:
                probe.connect((host, int(port)) if is_tcp else address)
            except OSError as error:
                raise ProviderAway(f"{name} does not answer on its socket: {error.strerror}") from error


@contextmanager
def decoy(environment: dict[str, str]) -> Iterator[tuple[int, ...]]:
    """Put a decoy's pid into the environment; yield the descriptors Terraform must inherit to keep the decoy alive."""
    providers = configuration(environment)
    if not providers:
        environment.pop(VARIABLE, None)
        yield ()
        return
    reading, writing = os.pipe()
    process = subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(reading)
    both = {f"{host}/{name.split('/', 1)[1]}": value for name, value in providers.items() for host in _hosts(name)}
    environment[VARIABLE] = json.dumps({name: {**value, "Pid": process.pid} for name, value in both.items()})
    try:
        yield (writing,)
    finally:
        os.close(writing)
        process.wait()


def _hosts(name: str) -> tuple[str, ...]:
    """OpenTofu completes a short provider address with its own registry's host, Terraform with its own."""
    host = name.split("/", 1)[0]
    public = ("registry.terraform.io", "registry.opentofu.org")
    return public if host in public else (host,)
