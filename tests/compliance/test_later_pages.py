"""The pages of what comes after a certificate: each list, object and form is shown to who may see it."""

from typing import Any

import pytest
from django.test import Client

from compliance.draws.models import Draw
from compliance.rechecks.models import Recheck
from compliance.scans.models import Scan, StoreFinding
from compliance.synthetic.models import Sandbox, SyntheticErasure
from portal.access.accounts import SEED
from portal.access.models import ApiToken
from portal.audit.context import acting
from portal.lib.clock import now
from portal.signatures.models import ClientKey
from tests.admin.world import person, tenant
from tests.compliance.certificates.made import issued_row
from tests.erasing.made import row

pytestmark = pytest.mark.django_db
SAID = {"name": "cache-x", "title": "Cache", "is_asked": True, "proven": False, "why": "", "query": "", "verifier": "v"}
ANSWER = {**SAID, "found": None, "credential": "bw_verifier", "by": {"rag.users": 2}, "why": "It was refused."}


@pytest.fixture
def rows(shipped: None) -> dict[str, tuple[str, Any]]:
    """Who looks at which page of which row."""
    with acting(SEED):
        of, ended = tenant("closing-notes", "FIN", "meera"), {"ended_at": now()}
        one = issued_row(of.pk, of.business_unit_id, "erasure:1")
        said = [{**SAID, "found": found} for found in (None, 0, 7)]
        scan = Scan.objects.create(
            quarter="2026-Q4", asked_by="seed", state="open", due_on=now().date(), **ended,
            places=[{"account": "legacy", "region": "eu-west-1", "stores": 3, "unlisted": 1}],
        )  # fmt: skip
        store = {"scan": scan, "account": "legacy", "region": "eu-west-1", "kind": "rds_instance", "name": "payroll"}
        sandbox = tenant("sandbox", "FIN", "meera", environment="dev")
        box = Sandbox.objects.create(region=sandbox.region, tenant=sandbox, designated_by="seed")
        looked = [
            {"what": "Delivery", "wrong": "no mail arrived", "seen": ""},
            {"what": "PDF", "wrong": "", "seen": "V"},
        ]
        run = {"sandbox": box, "month": "2026-11", "asked_by": "seed", "state": "failed", "why": "No mail.", **ended}
        drawn = [{"leaf": "ab" * 32, "system": "postgres-x", "region": "x", "answers": [ANSWER]}]
        token = ApiToken.objects.create(
            user=person("farah"), label="ci", prefix="a", secret_sha256="", expires_at=now()
        )
        key = {"id": "0" * 16, "token": token, "public_key": "A" * 43 + "=", "registered_by": "seed"}
        return {
            "certificate-rechecks": ("farah", Recheck.objects.create(
                certificate=one, cause="asked", asked_by="seed", state="residual", systems=said, **ended
            )),
            "account-scans": ("farah", scan),
            "scanned-stores": ("farah", StoreFinding.objects.create(**store)),
            "sandboxes": ("farah", box),
            "synthetic-erasures": ("farah", SyntheticErasure.objects.create(checks=looked, **run)),
            "erasure-draws": ("farah", Draw.objects.create(
                request=row(of, "executing"), asked_by=person("farah"), state="done", drawn=drawn, **ended
            )),
            "client-keys": ("farah", ClientKey.objects.create(**key)),
        }  # fmt: skip


def test_every_page_is_shown(rows: dict[str, tuple[str, Any]]) -> None:
    for mount, (who, one) in rows.items():
        client = Client()
        client.force_login(person(who), backend="django.contrib.auth.backends.ModelBackend")
        paths = [f"/{mount}/", f"/{mount}/{one.pk}/", f"/api/v1/{mount}/", f"/api/v1/{mount}/{one.pk}/"]
        paths += [] if mount in ("scanned-stores", "synthetic-erasures") else [f"/{mount}/new/"]
        assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
