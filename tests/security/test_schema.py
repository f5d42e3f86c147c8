"""schemathesis over the whole OpenAPI document as three roles: no 5xx, and no answer the document does not know.

Every operation gets requests the document allows and requests it forbids, with ids of things that exist half of the
time; each one is undone. `BAILIWICK_SWEEPS=all` sends many more.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.access import jwt
from portal.wsgi import application
from tests.admin.world import World, build, person
from tests.sweeps import SEED, WHOLE

ROLES = {"platform_admin": "priya", "tenant_admin": "meera", "auditor": "oliver"}
EXAMPLES = 60 if WHOLE else 2
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture
def world(shipped: None) -> Iterator[World]:
    """Requests keep the connection of the test, in whose transaction the world is."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield build()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def real_ids(world: World) -> dict[str, str]:
    """Something that exists, for the first part of a path."""
    return {
        "tenants": str(world.tenant.pk),
        "tenant-requests": str(world.request.pk),
        "approvals": str(world.case.pk),
        "jobs": str(world.failed.pk),
        "validations": str(world.run.pk),
        "incidents": str(world.incident.pk),
        "notifications": str(world.notice.pk),
        "tiers": "gold",
        "business-units": "FIN",
        "users": str(person("nadia").pk),
        "grants": str(person("nadia").grants.get().pk),
    }


def send(case: Any, credential: str) -> None:
    """One request, undone; raises when the answer is not one the document promises."""
    with transaction.atomic():
        answer = case.call(headers={"Authorization": f"Bearer {credential}"})
        transaction.set_rollback(True)
    case.validate_response(answer, checks=CHECKS)


def attack(operation: Any, mode: GenerationMode, credential: str, real: dict[str, str], number: int) -> None:
    kind = operation.path.split("/")[3]

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), exists=st.booleans())
    def run(case: Any, exists: bool) -> None:
        if exists and kind in real and len(case.path_parameters or {}) == 1:
            case.path_parameters = dict.fromkeys(case.path_parameters, real[kind])
        send(case, credential)

    run()


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_one_the_document_knows(role: str, world: World) -> None:
    number = SEED
    user = person(ROLES[role])
    credential = jwt.mint(str(user.pk), epoch=user.credential_epoch)
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)
    found: dict[str, str] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:
            try:
                attack(operation, mode, credential, real_ids(world), number)
            except BaseExceptionGroup as group:
                found[operation.label] = "\n".join(str(one) for one in group.exceptions)
            except Exception as error:
                found[operation.label] = f"{type(error).__name__}: {error}"
    assert not found, f"BAILIWICK_SEED={number}\n" + "\n\n".join(f"== {key}\n{what}" for key, what in found.items())
