"""A tenant with something in every store, and questions about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis

from compliance.verifiers.looking import Question
from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from tests.contracts import tenants
from tests.routed import routed


@dataclass
class World:
    """One tenant of one region, written to as its platform and its administrators would."""

    stack: Stack
    region: Region
    names: TenantNames
    user: UUID
    document: UUID

    def ask(self, kind: Any = "tenant", **more: Any) -> Question:
        of_person = {"user_id": self.user, "documents": (self.document,)} if kind == "person" else {}
        of_document = {"documents": (self.document,)} if kind == "document" else {}
        said = {"request_id": uuid4(), **of_person, **of_document, **more}
        return Question(self.region, self.names.tenant_id, self.names.name, kind, **said)

    @contextmanager
    def as_superuser(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(**self.stack.superuser_kwargs(self.region.name), autocommit=True) as db:
            yield db

    @contextmanager
    def as_platform(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(**routed(self.region)) as db:
            db.execute(f'SET LOCAL ROLE "{self.names.role}"')
            yield db

    @property
    def redis(self) -> Any:
        cache = self.region.cache
        return redis.Redis(host=cache.host, port=cache.port, password=cache.admin_password, decode_responses=True)

    @property
    def s3(self) -> Any:
        return aws.client(self.region, "s3")

    @property
    def logs(self) -> Any:
        return aws.client(self.region, "logs")


FILL = (
    "INSERT INTO rag.users (tenant_id, id, email) VALUES (%(tenant)s, %(user)s, %(user)s || '@example.org')",
    "INSERT INTO rag.documents (tenant_id, id, title, owner_user_id) VALUES (%(tenant)s, %(document)s, 'a', %(user)s)",
    "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%(tenant)s, gen_random_uuid(), 'another''s')",
    "INSERT INTO rag.chunks SELECT tenant_id, id, 0, 'text' FROM rag.documents",
    "INSERT INTO rag.chunk_vectors SELECT tenant_id, id, 0, array_fill(0.1, ARRAY[256])::vector FROM rag.documents",
)


@pytest.fixture(scope="module")
def world(stack: Stack, region: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(stack, region, tenants.names(region, "looked-at"), uuid4(), uuid4())
    tenants.make(region, made.names)
    with made.as_platform() as db:
        for statement in FILL:
            db.execute(statement, {"tenant": made.names.tenant_id, "user": made.user, "document": made.document})
    yield made
    tenants.unmake(region, made.names, Path(tmp_path_factory.mktemp("secrets")))


@pytest.fixture
def without(world: World) -> Callable[..., Question]:
    """A question about the region as if some of its read-only credentials were not given."""

    def asked(**gone: str) -> Question:
        return replace(world.ask(), region=replace(world.region, verifier=replace(world.region.verifier, **gone)))

    return asked
