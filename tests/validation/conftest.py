"""A region of these tests alone, because they break it on purpose: stores, a platform process and healthy tenants."""

import dataclasses
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from lifecycle.provisioning.validation import CheckResult, Target
from lifecycle.provisioning.validation.checks import CHECKS
from lifecycle.provisioning.validation.suite import run_check
from lifecycle.stores import aws
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.cache.connection import connection as cache_connection
from lifecycle.stores.credentials import issue
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, keys
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.postgres import fences, roles, rows, tags
from lifecycle.stores.secrets import store_of as secrets_of
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.ragplatform.conftest import Platform, Signer, free_port
from tests.registry_server import serving, snapshot

REGION = "ap-south-1"
NUMBERS = itertools.count(1)
DUTIES = {"cmk": True, "tls": True, "access_logs": True, "log_retention_days": 30}


@dataclass
class Stand:
    """The region, its platform and what it takes to break them."""

    stack: Stack
    platform: Platform
    region: Region

    def superuser(self, *statements: str) -> None:
        """As a DBA who goes past every trigger."""
        past = "-c session_replication_role=replica"
        with psycopg.connect(**self.stack.superuser_kwargs(self.region.name), autocommit=True, options=past) as db:
            for statement in statements:
                db.execute(statement)

    @contextmanager
    def broken(self, fault: str | list[str], mended: str | list[str]) -> Iterator[None]:
        """The fault is in force inside the block."""
        self.superuser(*([fault] if isinstance(fault, str) else fault))
        try:
            yield
        finally:
            self.superuser(*([mended] if isinstance(mended, str) else mended))

    def admin(self, service: str) -> Any:
        return aws.client(self.region, service)

    def cached(self, target: Target, key: str) -> Any:
        return cache_connection(self.region).get(target.binding.cache_prefix + key)

    def signed(self, *, tenant_id: UUID, scope: str = "validate", audience: str = "rag-platform",
               issuer: str = "", expires_in: int = 300) -> str:  # fmt: skip
        now = int(time.time())
        claims = {"sub": "system:validation", "tenant": str(tenant_id), "scope": scope, "aud": audience, "iat": now}
        return self.platform.signer.token(
            {**claims, "iss": issuer or self.platform.portal.url, "exp": now + expires_in}
        )

    def tenant(self, vectors: str = "pgvector", **changes: Any) -> Target:
        """A healthy tenant in the middle of being provisioned: what Terraform and the initialise step leave."""
        names = TenantNames(uuid4(), f"stand-{os.getpid()}-{next(NUMBERS)}", self.region.name)
        expected = {"TenantID": str(names.tenant_id), "Tier": "silver", "CostCenter": "CC-1", "ManagedBy": "bailiwick"}
        make(self.region, names, expected, vectors)
        secrets = self.platform.secrets
        binding = issue(self.region, names, secrets_of(self.region.name, secrets), vector_provider=vectors)
        self.platform.portal.snapshots[str(names.tenant_id)] = snapshot(
            str(names.tenant_id), status="provisioning", validating=True, vector_provider=vectors,
            region=self.region.name,
        )  # fmt: skip
        target = Target(
            tenant_id=names.tenant_id,
            name=names.name,
            region=self.region,
            names=names,
            tier="silver",
            p95_target_ms=1000,
            concurrency=4,
            requires=DUTIES,
            tags=expected,
            binding=binding,
            token=self.signed,
            issuer=self.platform.portal.url,
            secrets_dir=secrets,
            user_region=self.region.name,
        )
        return dataclasses.replace(target, **changes)


def make(region: Region, names: TenantNames, expected: dict[str, str], vectors: str) -> None:
    def labels(role: str) -> dict[str, str]:
        return {**expected, "Name": names.name, "Role": role}

    tenant = names.tenant_id
    key = keys.ensure(
        region, tenant_id=tenant, alias=names.kms_alias, log_group=names.log_group, tags=labels("encryption")
    )
    roles.ensure(region, role=names.role, tenant_id=tenant, tenant_name=names.name)
    fences.ensure(region, tenant_id=tenant, state="open")
    store_of(region, vectors).ensure(names)
    iam_users.ensure(
        region, iam_users.UserSpec(tenant, names.iam_user, names.bucket, names.log_group, labels("runtime"), key.arn)
    )
    buckets.ensure(region, buckets.spec_of(names, labels("documents"), key.arn))
    groups.ensure(region, groups.LogGroupSpec(tenant, names.log_group, 30, labels("logs"), key.arn))
    cache_users.ensure(region, user=names.cache_user, prefix=names.cache_prefix)
    place = f"partition:{names.partition}" if vectors == "pgvector" else f"namespace:{vectors}:{names.namespace}"
    untagged = [f"role:{names.role}", f"cache_user:{names.cache_user}", place]
    tags.ensure(region, tenant_id=tenant, resources=untagged, tags=labels("database"))


@contextmanager
def standing(stack: Stack, name: str, secrets: Any) -> Iterator[Stand]:
    region = stack.region(name)
    with serving() as portal:
        (secrets / "service_token").write_text(portal.token)
        signer = Signer()
        portal.jwks.append(signer.jwk())
        platform = Platform(region, secrets, stack.home.regions_file, portal, signer, free_port())
        platform.start()
        try:
            yield Stand(stack, platform, dataclasses.replace(region, platform_url=platform.url))
        finally:
            platform.stop()


@pytest.fixture(scope="session")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("validation") / "home", regions=(REGION,)) as running:
        yield running


@pytest.fixture(scope="session")
def stand(own_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(own_stack, REGION, tmp_path_factory.mktemp("secrets")) as made:
        yield made


@pytest.fixture(scope="session")
def healthy(stand: Stand) -> Target:
    """Shared by tests that leave it as they found it."""
    return stand.tenant()


def judged(target: Target, *names: str) -> dict[str, CheckResult]:
    """The results of the named checks (all but latency, which takes a while, where none is named), one by one."""
    wanted = names or tuple(check.name for check in CHECKS if check.name not in ("latency", "metrics"))
    return {check.name: run_check(target, check) for check in CHECKS if check.name in wanted}


def failing(results: dict[str, CheckResult]) -> set[str]:
    return {name for name, result in results.items() if result.outcome != "pass"}


def words(results: dict[str, CheckResult]) -> str:
    return "\n".join(f"{name}: {result.outcome}: {result.summary}" for name, result in results.items())


def left_behind(stand: Stand, target: Target) -> dict[str, object]:
    """Everything of the tenant that the region's stores hold, log lines apart."""
    s3 = stand.admin("s3")
    versions = s3.list_object_versions(Bucket=target.binding.bucket)
    return {
        "rows": {name: number for name, number in rows.count(stand.region, target.tenant_id).items() if number},
        "objects": len(versions.get("Versions", [])) + len(versions.get("DeleteMarkers", [])),
        "uploads": len(s3.list_multipart_uploads(Bucket=target.binding.bucket).get("Uploads", [])),
        "allowance": int(stand.cached(target, f"queries:{time.strftime('%Y-%m-%d', time.gmtime())}") or 0),
    }


CLEAN = {"rows": {}, "objects": 0, "uploads": 0, "allowance": 0}
