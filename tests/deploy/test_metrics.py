"""Alerts and dashboard speak only of series that are exported, and the seven of the design are exported exactly."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from lifecycle.models import State, TenantRequest, TerraformCommand
from portal.jobs.models import Job, Step
from portal.lib.clock import now
from portal.lib.ids import new_id
from ragplatform.metrics import REGISTRY
from tests.admin.world import build

DEPLOY = Path(__file__).parents[2] / "deploy"
SEVEN = {
    "provisioning_duration_seconds": {"tier", "region"},
    "provisioning_success_total": {"tier"},
    "provisioning_failures_total": {"tier", "step"},
    "validation_test_duration_seconds": {"test_name"},
    "rollback_success_total": set(),
    "rollback_failures_total": set(),
    "terraform_execution_duration_seconds": {"command"},
}
WORDS = re.compile(r"[a-z_][a-z0-9_]*")
NOT_SERIES = re.compile(r'\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b(?:by|without)\s*\([^)]*\)|\boffset\s+\w+')
LANGUAGE = set("sum increase rate topk histogram_quantile clamp_min or and unless offset max bottomk time".split())
pytestmark = pytest.mark.django_db


@pytest.fixture
def families(shipped: None) -> list[Metric]:
    """What /metrics of the portal holds when there is one of everything, and what the platform's holds."""
    world = build()
    about = {"subject_type": "lifecycle.tenantrequest", "subject_id": str(world.request.pk), "finished_at": now()}
    job = Job.objects.create(kind="provision.apply", title="Failed", state="failed", requested_by="x", **about)
    Step.objects.create(job=job, seq=0, name="apply", title="Create", state="failed", started_at=now(), error="refused")
    TerraformCommand.objects.create(job_id=job.pk, command="apply", seconds=1.5, exit_code=0)
    done = TenantRequest.objects.get(pk=world.request.pk)
    done.pk, done.tenant_id, done.name, done._state.adding = new_id(), new_id(), "made-before", True
    done.__dict__["state"] = State.ACTIVE  # past the state machine, which is not what this is about
    done.provisioning_at = done.ended_at = now()
    TenantRequest.objects.bulk_create([done])
    registry = CollectorRegistry()
    for dotted in settings.METRIC_COLLECTORS:
        registry.register(import_string(dotted)())
    return [*registry.collect(), *REGISTRY.collect()]


def exported(families: list[Metric]) -> set[str]:
    """Every name a query may use, those of series without a sample yet included."""
    found = {sample.name for family in families for sample in family.samples}
    for family in families:
        if family.type == "counter":
            found.add(f"{family.name}_total")
        elif family.type == "histogram":
            found |= {f"{family.name}{end}" for end in ("_bucket", "_sum", "_count")}
        else:
            found.add(family.name)
    return found


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "bailiwick.json").read_text())["panels"]
    return found


def series_of(expression: str) -> set[str]:
    return set(WORDS.findall(NOT_SERIES.sub(" ", expression))) - LANGUAGE


def test_the_seven_names_with_exactly_their_labels(families: list[Metric]) -> None:
    labels: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name) if family.type == "histogram" else sample.name
            if not sample.name.endswith("_created"):
                labels.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert {name: labels.get(name) for name in SEVEN} == SEVEN


def test_every_alert_and_panel_names_series_that_exist(families: list[Metric]) -> None:
    known = exported(families)
    said = {rule["alert"]: rule["expr"] for rule in alerts()}
    said |= {f"{p['title']}: {t['refId']}": t["expr"] for p in panels() for t in p["targets"]}
    missing = {title: series_of(text) - known for title, text in said.items() if series_of(text) - known}
    assert not missing
    assert all(series_of(text) for text in said.values())


def test_a_wrong_name_would_be_found() -> None:
    assert series_of('sum by (tier) (rate(no_such_thing_total{state="dead"}[5m] offset 1d))') == {"no_such_thing_total"}


def test_what_the_design_asks_to_be_alarmed_is() -> None:
    spoken = {rule["alert"] for rule in alerts()}
    assert spoken >= {
        "ProvisioningSlower", "ProvisioningFailing", "RollbackIncomplete", "OrphansCost", "ApprovalOld",
        "ProvisioningQueueOld", "JobQueueOld", "JobsOrphaned", "OutboxDeadLetters", "TenantCostUp", "PlatformCostUp",
        "TenantUnwell", "TenantErrors", "TenantNearItsLimit", "HealthNotMeasured",
    }  # fmt: skip
    assert all(rule["labels"]["severity"] and rule["annotations"]["summary"] for rule in alerts())


def test_the_page_itself_answers(families: list[Metric]) -> None:
    text = Client().get("/metrics").content.decode()
    assert "provisioning_duration_seconds_bucket{" in text and "bailiwick_tenant_cost_inr{" in text
    assert "bailiwick_jobs_orphaned 0.0" in text
