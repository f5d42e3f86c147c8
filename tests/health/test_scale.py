"""The scale of health: changed by an administrator with a reason, and never past a hundred."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from portal.audit.models import Entry
from tenants.health.models import Scale
from tests.admin.world import person

pytestmark = pytest.mark.django_db
AT = "/api/v1/health-scale/"


def test_an_administrator_moves_weight_and_says_why(api: Any) -> None:
    changed = {"uptime_weight": 40, "storage_weight": 5, "reason": "storage is cheap"}
    answer = api("priya").post(f"{AT}1/change/", changed)
    assert (answer.status_code, answer.json()["uptime_weight"]) == (200, 40)
    assert Entry.objects.filter(verb="health_scale.changed", reason="storage is cheap").exists()
    assert api("meera").get(AT).json()["results"][0]["storage_weight"] == 5


@pytest.mark.parametrize(
    ("username", "change", "status"),
    [
        ("kiran", {"matters_by": 6}, 403),
        ("meera", {"matters_by": 6}, 403),
        ("priya", {"uptime_weight": 31}, 422),
        ("priya", {"uptime_weight": -1}, 422),
        ("priya", {"errors_full": 5, "errors_none": 5}, 422),
        ("priya", {"surprise": 1}, 422),
        ("priya", {"matters_by": 6, "reason": ""}, 422),
        ("priya", {"latency_none": "fast"}, 422),
        ("priya", {"latency_none": "nan"}, 422),
    ],
)
def test_what_is_refused_changes_nothing(api: Any, username: str, change: dict[str, Any], status: int) -> None:
    before = Scale.objects.values().get()
    answer = api(username).post(f"{AT}1/change/", {"reason": "x", **change})
    assert answer.status_code == status, answer.content
    assert Scale.objects.values().get() == before


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(client: Client, shipped: None) -> None:
    client.force_login(person("priya"))
    page = client.get("/health-scale/1/").content.decode()
    assert "Change the scale" in page and "Together they make 100." in page
    typed = {field.name: getattr(Scale(), field.name) for field in Scale._meta.fields if not field.primary_key}
    sent = {**typed, "verb": "change", "reason": "test"}
    refused = client.post("/health-scale/1/do/change/", {**sent, "uptime_weight": 50})
    assert refused.status_code == 422 and "the weights make 120, not 100" in refused.content.decode()
    assert client.post("/health-scale/1/do/change/", {**sent, "matters_by": 9}).status_code == 302
    assert Scale.objects.get().matters_by == 9
    client.force_login(person("meera"))
    assert "Change the scale" not in client.get("/health-scale/1/").content.decode()


def test_the_database_holds_the_hundred(shipped: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Scale.objects.update(uptime_weight=31)
