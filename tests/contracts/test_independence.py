"""Connectors, runner and provider stand without Django: they run in processes that have none."""

import subprocess
import sys

import pytest

from lifecycle.provisioning.terraform.run import PROJECT


@pytest.mark.parametrize(
    "module",
    [
        "lifecycle.stores.sweep",
        "lifecycle.stores.inventory",
        "lifecycle.stores.vectors.pinecone",
        "lifecycle.stores.vectors.weaviate",
        "lifecycle.provisioning.terraform.recovery",
        "lifecycle.provisioning.terraform.child",
        "terraform.provider.server",
    ],
)
def test_no_django(module: str) -> None:
    code = f"import sys, portal, {module}; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, timeout=60)


def test_the_supervisor_starts_without_heavy_imports() -> None:
    module = "lifecycle.provisioning.terraform.child"
    code = f"import sys, portal, {module}; sys.exit('boto3' in sys.modules or 'grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, timeout=60)
