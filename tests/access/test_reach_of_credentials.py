"""A credential reaches what it was given and nothing else: lists, people's acts, snapshots, kept answers."""

from datetime import timedelta
from typing import Any

import pytest

from lifecycle.models import TenantRequest
from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.demo import PASSWORD
from portal.access.models import Grant, IdempotencyKey, Role, User
from tests.admin.world import tenant
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put

LISTS = ["tenants", "business-units", "tenant-requests", "validations", "incidents", "verdicts"]


def credential(user: User, *scopes: str) -> str:
    return issue_token(actor=SEED, user=user, label="test", scopes=list(scopes), life=timedelta(days=1), reason="test")[
        1
    ]


@pytest.mark.parametrize("name", LISTS)
def test_a_token_reads_no_list_it_has_no_scope_for(bearing: Any, shipped: None, name: str) -> None:
    kiran = User.objects.get(username="kiran")
    assert bearing(credential(kiran, "snapshot.read")).get(f"/api/v1/{name}/").status_code == 403
    able = bearing(credential(kiran, "tenant.read", "request.read", "incident.read"))
    assert able.get(f"/api/v1/{name}/").status_code == 200


def test_a_token_accepts_nothing_and_moves_no_money(bearing: Any, meera: User) -> None:
    request = asked()
    put(request, "awaiting_champion")
    client = bearing(credential(meera, "request.*"))
    answer = client.post(f"/api/v1/tenant-requests/{request.pk}/acceptance/", {"reason": "looks good"})
    assert answer.status_code == 403
    assert TenantRequest.objects.get(pk=request.pk).accepted_at is None
    vikram = bearing(credential(User.objects.get(username="vikram"), "envelope.write", "request.read"))
    more = {"envelope_inr": "99000000.00", "reason": "more"}
    assert vikram.post("/api/v1/business-units/FIN/envelope/", more).status_code == 403


def test_a_service_reads_the_snapshots_its_grant_reaches(bearing: Any, shipped: None) -> None:
    service = User.objects.create_user("edge", is_service=True)
    Grant.objects.create(user=service, role=Role.SERVICE, scope_type="business_unit", scope_id="FIN", granted_by="test")
    client = bearing(credential(service, "snapshot.read"))
    own, other = tenant("own-notes", "FIN", "meera"), tenant("their-notes", "HR", "arjun")
    assert client.get(f"/v1/snapshot/{own.pk}").status_code == 200
    assert client.get(f"/v1/snapshot/{other.pk}").status_code == 404


def test_no_kept_answer_holds_a_secret(api: Any) -> None:
    body = {"label": "ci", "scopes": ["tenant.read"], "days": 1, "reason": "ci", "password": PASSWORD}
    client = api("meera")
    answer = client.post("/api/v1/tokens/", body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert client.post("/api/v1/tokens/", body).status_code == 201
    place = f"/api/v1/tenants/{tenant('own-notes', 'FIN', 'meera').pk}/access-tokens/"
    assert client.post(place, {}, headers={"Idempotency-Key": "again"}).status_code == 422


def test_half_a_surrogate_pair_is_a_client_error(shipped: None, client: Any) -> None:
    for body in (r'{"\ud800": 1}', r'{"username": "\udfff", "password": "x"}'):
        answer = client.post("/api/v1/auth/token", body, content_type="application/json")
        assert answer.status_code == 400, answer.content
    whole = r'{"username": "\ud83d\ude00", "password": "x"}'
    assert client.post("/api/v1/auth/token", whole, content_type="application/json").status_code == 401
