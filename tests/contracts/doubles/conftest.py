"""One AWS double and one Pinecone double for the session; S3 tests also run against another endpoint.

To run the S3 tests elsewhere: BAILIWICK_S3_CONTRACT_URL, _REGION, _KEY and _SECRET. Tests that need the process itself
(kill, restart) or the other services' doubles are then left out.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .aws import Aws
from .server import Server

REGION = "ap-south-1"
ROOT = {"AWS_DOUBLE_ROOT_KEY": "AKIAROOTOFTHEDOUBLE0", "AWS_DOUBLE_ROOT_SECRET": "not-a-secret-but-long-enough"}
ELSEWHERE = "BAILIWICK_S3_CONTRACT_"


def account_of(server: Server) -> Aws:
    return Aws(server.url, REGION, ROOT["AWS_DOUBLE_ROOT_KEY"], ROOT["AWS_DOUBLE_ROOT_SECRET"])


@pytest.fixture
def new_double(tmp_path: Any) -> Iterator[Server]:
    """A double of this test's own, started by the test."""
    server = Server("portal.embedded.aws", ["--root", str(tmp_path / "aws"), "--region", REGION], ROOT)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The session's AWS double, as its root."""
    root = tmp_path_factory.mktemp("aws")
    server = Server("portal.embedded.aws", ["--root", str(root), "--region", REGION], ROOT).start()
    yield account_of(server)
    assert server.stop() == 0


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest) -> Aws:
    """Where the S3 contract is tested: the double, or the endpoint named in the environment."""
    if url := os.environ.get(f"{ELSEWHERE}URL"):
        region, key, secret = (os.environ[f"{ELSEWHERE}{name}"] for name in ("REGION", "KEY", "SECRET"))
        return Aws(url, region, key, secret)
    found: Aws = request.getfixturevalue("double")
    return found


@pytest.fixture(scope="session")
def s3(aws: Aws) -> Any:
    return aws.client("s3")
