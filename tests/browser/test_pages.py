"""Every page, in both themes, on a desk and on a phone: no policy violation, no script error, no sideways scroll. Light
on the desk and dark on the phone also without a serious finding of axe-core (axe.min.js, version 4.14.1, MPL-2.0)."""

from typing import Any

from compliance.certificates.models import Certificate
from compliance.erasing.models import ErasureRequest
from compliance.inventory.models import Finding, System
from lifecycle.migration.models import Migration
from tenants.costs.models import CentreMonth, Statement
from tests.admin.world import World

from .conftest import AXE

SERIOUS = """axe.run().then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .map(one => one.id + " " + one.nodes.map(node => node.target).join(", ")))"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def pages(world: World) -> dict[str, list[str]]:
    return {
        "": ["/login/", "/verify/", *(f"/verify/{one.known_as}/" for one in Certificate.objects.all())],
        "meera": ["/", "/requests/", "/requests/new/", f"/requests/{world.request.pk}/", "/notifications/",
                  f"/tenant-flags/{world.tenant.pk}/", f"/tenant-configuration/{world.tenant.pk}/"],
        "leela": ["/", "/approvals/", f"/approvals/{world.case.pk}/", "/delegations/new/"],
        "vikram": [
            "/cost-centres/", "/cost-centres/roi/", "/statements/", "/rates/new/",
            "/terms/", "/terms/new/", "/arrears/", *(f"/statements/{one.pk}/" for one in Statement.objects.all()[:1]),
            *(f"/cost-centres/{one.pk}/" for one in CentreMonth.objects.all()[:1]),
        ],
        "kiran": [
            "/", "/jobs/", f"/jobs/{world.running.pk}/", f"/jobs/{world.failed.pk}/", f"/validations/{world.run.pk}/",
            "/flags/", "/flags/cite-sources/", "/flags/new/", "/flag-reviews/", "/tier-configuration/gold/",
            "/migrations/", "/migrations/new/", "/playbooks/gold/", "/red-flags/",
            *(f"/migrations/{one.pk}/" for one in Migration.objects.all()),
        ],
        "priya": [
            "/", "/tenants/", f"/tenants/{world.tenant.pk}/", "/tiers/", "/tiers/new/", "/prices/2026-01 v1/",
            "/business-units/FIN/", "/people/", "/tokens/new/", "/approval-rules/", "/search/?q=notes",
            "/channels/new/", "/tenants/?status__exact=active&o=2",
        ],
        "farah": [
            "/", "/eyes/", f"/incidents/{world.incident.pk}/", "/residency/", "/verdicts/", "/ledger/?show=both",
            "/ledger/", "/integrity/", "/retention/", f"/tenants/{world.tenant.pk}/history/", "/certificates/",
            "/erasures/", "/erasures/new/", "/obligations/", "/retention-rules/", "/retention-rules/RET-SOX/",
            *(f"/erasures/{one.pk}/" for one in ErasureRequest.objects.all()),
            "/systems/", "/systems/new/", "/system-findings/", f"/system-findings/{Finding.objects.get().pk}/",
            *(f"/systems/{System.objects.get(name=one).pk}/" for one in ("partner-crm", "postgres-ap-south-1")),
            "/certificate-keys/", *(f"/certificates/{one.pk}/" for one in Certificate.objects.all()),
        ],
    }  # fmt: skip


def faults(page: Any, path: str, axe: str) -> list[str]:
    answer = page.goto(path)
    page.wait_for_load_state()
    found = [f"status {answer.status}"] if answer.status != 200 else []
    if axe:
        page.evaluate(axe)
        found += page.evaluate(SERIOUS)
    found += page.evaluate("window.violations") + page.wrong
    sideways = page.evaluate(WIDER)
    page.wrong.clear()
    return [*found, f"{sideways} px too wide"] if sideways > 0 else found


def walk(visit: Any, world: World, width: int, theme: str, axe: str = "") -> dict[str, list[str]]:
    found = {}
    for username, paths in pages(world).items():
        page = visit(username, width=width, theme=theme)
        for path in paths:
            if wrong := faults(page, path, axe):
                found[f"{username} {path}"] = wrong
    return found


def test_on_a_desk_in_light(visit: Any, world: World) -> None:
    assert walk(visit, world, 1280, "light", AXE.read_text() + ";0") == {}


def test_on_a_phone_in_dark(visit: Any, world: World) -> None:
    assert walk(visit, world, 390, "dark", AXE.read_text() + ";0") == {}


def test_on_a_desk_in_dark_and_on_a_phone_in_light(visit: Any, world: World) -> None:
    assert walk(visit, world, 1280, "dark") == {}
    assert walk(visit, world, 390, "light") == {}
