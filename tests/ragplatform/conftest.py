"""A real platform process over the embedded stores, with tenants made by the connectors.

Only the portal is stood in for, at the client's edge: tests/registry_server.py serves snapshots and keys from dicts.
"""

import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.credentials import issue
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.secrets import FileSecrets, TenantBinding
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from ragplatform.config import Config
from ragplatform.services import Services, build
from tests.registry_server import RegistryServer, serving, snapshot

ROOT = Path(__file__).resolve().parents[2]
HOME_REGION, ABROAD = "ap-south-1", "eu-west-1"
NUMBERS = itertools.count(1)


@dataclass
class Signer:
    """The portal's signing key."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "k1"

    def jwk(self) -> dict[str, str]:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x}

    def token(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        return jwt.encode(claims, self.key, "EdDSA", headers={"typ": "at+jwt", "kid": self.kid, **(header or {})})


@dataclass
class Platform:
    """A running platform process and what stands around it."""

    region: Region
    secrets: Path
    regions_file: Path
    portal: RegistryServer
    signer: Signer
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bindings(self) -> FileSecrets:
        return FileSecrets(self.secrets / "regions" / self.region.name / "tenants")

    def start(self) -> None:
        environment = {
            **os.environ,
            "BAILIWICK_REGIONS_FILE": str(self.regions_file),
            "BAILIWICK_SECRETS_DIR": str(self.secrets),
            "BAILIWICK_PUBLIC_URL": self.portal.url,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "packages" / "bailiwick-client")]),
        }
        command = [sys.executable, "-m", "ragplatform", "--region", self.region.name, "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
        deadline, said = time.monotonic() + 30, ""
        while True:
            try:
                answer = httpx.get(f"{self.url}/health/ready", timeout=10)
                if answer.status_code == 200:
                    return
                said = answer.text
            except httpx.HTTPError as error:
                said = repr(error)
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the platform did not become ready: {said}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def kill(self) -> None:
        """kill -9 of master and worker at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


@dataclass
class Tenant:
    """A tenant as its own client sees it."""

    platform: Platform
    names: TenantNames
    binding: TenantBinding

    @property
    def id(self) -> UUID:
        return self.names.tenant_id

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.platform.portal.url,
            "aud": "rag-platform",
            "sub": "service:test",
            "tenant": str(self.id),
            "scope": "read write admin",
            "iat": now,
            "exp": now + 600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return self.platform.signer.token(self.claims(**changes))

    def client(self, **changes: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token(**changes)}"}
        return httpx.Client(base_url=self.platform.url, headers=headers, timeout=30)

    def publish(self, **changes: Any) -> None:
        """Change the snapshot and wait until no lease of the older one is left."""
        known = self.platform.portal.snapshots[str(self.id)]
        versions = {name: known[name] + 1 for name in ("status_version", "config_version")}
        self.platform.portal.snapshots[str(self.id)] = snapshot(
            str(self.id), **{"region": known["region"], **versions, **changes}
        )
        time.sleep(2.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_tenant(
    platform: Platform, name: str = "", vectors: str = "pgvector", tenant_id: UUID | None = None, state: str = "open"
) -> Tenant:
    """What Terraform and the initialise step do, through the same connectors."""
    region = platform.region
    names = TenantNames(tenant_id or uuid4(), name or f"acme-{os.getpid()}-{next(NUMBERS)}", region.name)
    tags = {"TenantID": str(names.tenant_id)}
    roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
    fences.ensure(region, tenant_id=names.tenant_id, state=state)
    store_of(region, vectors).ensure(names)
    key = keys.ensure(region, tenant_id=names.tenant_id, alias=names.kms_alias, log_group=names.log_group, tags=tags)
    buckets.ensure(region, buckets.BucketSpec(names.tenant_id, names.bucket, names.iam_user, tags, kms_key_arn=key.arn))
    iam_users.ensure(
        region,
        iam_users.UserSpec(names.tenant_id, names.iam_user, names.bucket, names.log_group, tags, kms_key_arn=key.arn),
    )
    cache_users.ensure(region, user=names.cache_user, prefix=names.cache_prefix)
    groups.ensure(region, groups.LogGroupSpec(names.tenant_id, names.log_group, 30, tags))
    binding = issue(region, names, platform.bindings, vector_provider=vectors)
    platform.portal.snapshots[str(names.tenant_id)] = snapshot(
        str(names.tenant_id), region=region.name, vector_provider=vectors
    )
    return Tenant(platform, names, binding)


@pytest.fixture(scope="session")
def platform(stack: Stack, region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    secrets = tmp_path_factory.mktemp("secrets")
    with serving() as portal:
        (secrets / "service_token").write_text(portal.token)
        signer = Signer()
        portal.jwks.append(signer.jwk())
        running = Platform(region, secrets, stack.home.regions_file, portal, signer, free_port())
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def sides(platform: Platform, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Platform]]:
    """A platform of each region, which know of each other and of the one portal."""
    regions, file = json.loads(platform.regions_file.read_text()), tmp_path_factory.mktemp("regions") / "regions.json"
    found = {}
    for name in (HOME_REGION, ABROAD):
        one = replace(platform, region=stack.region(name), regions_file=file, port=free_port(), process=None)
        found[name], regions[name]["platform"] = one, {"url": one.url}
    file.write_text(json.dumps(regions))
    for one in found.values():
        one.start()
    yield found
    for one in found.values():
        one.stop()


@pytest.fixture(scope="session")
def acme(platform: Platform) -> Tenant:
    return make_tenant(platform)


@pytest.fixture(scope="session")
def globex(platform: Platform) -> Tenant:
    return make_tenant(platform)


@pytest.fixture
def fresh(platform: Platform) -> Tenant:
    """A tenant of this test alone."""
    return make_tenant(platform)


def in_process(platform: Platform) -> Services:
    """The platform's services in the test's own process, with nothing running in the background."""
    entry = json.loads(platform.regions_file.read_text())[platform.region.name]
    config = Config(
        region=platform.region.name,
        portal_url=platform.portal.url,
        secrets_dir=platform.secrets,
        database=platform.region.database.connect_kwargs("platform"),
        cache_host=platform.region.cache.host,
        cache_port=platform.region.cache.port,
        aws_endpoint=platform.region.aws.endpoint_url,
        pinecone=entry["vectors"].get("pinecone"),
        registry_stream="",
        registry_copy=None,
        regions_file=platform.regions_file,
    )
    services = build(config, threads=4)
    services.database.open()
    return services


def ingest(client: httpx.Client, title: str, text: str, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/documents", json={"title": title, "text": text, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, checked for its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = json.loads(answer.text)
    assert body["type"] == f"urn:bailiwick:problem:{code}"
    assert body["status"] == status
    assert body["detail"]
    return dict(body)
