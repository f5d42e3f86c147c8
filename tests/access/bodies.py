"""What each writing door is sent: well-formed, so that a refusal is the policy's and not the shape's."""

from datetime import timedelta
from typing import Any

from portal.access.demo import PASSWORD
from portal.access.models import ApiToken, User
from portal.lib.clock import now
from tenants.health.models import Scale
from tenants.models import Tenant
from tests.lifecycle.asking import body as request_of
from tests.lifecycle.test_bad_input_elsewhere import ENVELOPE, TIER, TOKEN
from tests.tierchanges.made import USE

from .routes import Door

HANGING = {"revoke": ["grant"], "answer": ["question"], "done": ["measure"]}
REASON = {"reason": "because"}
HOLD = {"kind": "regulatory", "matter": "Inquiry", **REASON}
PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
PROVED = {**REASON, "password": PASSWORD}
DIGEST = "d" * 64
NOTHING: dict[str, Any] = {}
PERSON = {"username": "zoya", "full_name": "Zoya", "password": "a-long-password", **REASON}
ROLE = {"role": "tenant_viewer", "scope_type": "business_unit", "scope_id": "FIN"}
RULE = {"title": "Again", "quorum": 1, "sla_hours": 24, "expires_after_hours": 240}
LIMITS = dict.fromkeys(
    ("max_users", "max_documents", "max_queries_per_day", "max_storage_gb", "requests_per_minute", "p95_target_ms"), 10
)
NEW_RULE = {"rule_id": "APR-900", "title": "T", "case_kind": "tenant_request", "role": "cfo"}
RATE = {"currency": "EUR", "inr_per_unit": "98.00", "effective_on": "2026-01-01", "source": "test", **REASON}
TERMS = {"tier": "gold", "effective_on": "2026-11-02", "notice_days": 5, "grace_days": 5, "source": "test", **REASON}
DELTA = {"metric": "queries", "amount": "1", "key": "matrix", "source": "matrix"}
NEW_PASSWORD = dict.fromkeys(("new_password1", "new_password2"), "kept-for-ever-1")

API: dict[str, dict[str, Any]] = {
    "/api/v1/auth/token": {"username": "meera", "password": PASSWORD},
    "/api/v1/access-sessions/": {"scope_type": "business_unit", "scope_id": "FIN", **REASON},
    "/api/v1/tenants/{pk}/access-tokens/": NOTHING,
    "/api/v1/tenants/{pk}/api-keys/": {"name": "notebook", "scopes": ["read"], **REASON},
    "/api/v1/tiers/": TIER,
    "/api/v1/tokens/": TOKEN,
    "/api/v1/business-units/{pk}/envelope/": ENVELOPE,
    "/api/v1/costs/{pk}/adjustments/": {"amount_inr": "-1.00", **REASON},
    "/api/v1/rates/": RATE,
    "/api/v1/terms/": TERMS,
    "/api/v1/tenants/{pk}/payment/": {"payment_status": "overdue", **REASON},
    "/api/v1/tenant-requests/{pk}/submission/": NOTHING,
    "/api/v1/tenant-requests/{pk}/checklist/": {"item": 0, **REASON},
    "/api/v1/approvals/{pk}/signatures/": {"digest": DIGEST, "password": PASSWORD, **REASON},
    "/api/v1/approvals/{pk}/questions/": {"text": "Why?"},
    "/api/v1/approvals/{pk}/questions/{question}/answer/": {"text": "Therefore."},
    "/api/v1/approval-rules/": {**NEW_RULE, **REASON},
    "/api/v1/approval-rules/{rule_id}/": {"quorum": 1, **REASON},
    "/api/v1/users/{pk}/grants/": {**ROLE, **PROVED},
    "/api/v1/users/{pk}/disabling/": PROVED,
    "/api/v1/users/{pk}/enabling/": PROVED,
    "/api/v1/grants/{pk}/revocation/": PROVED,
    "/api/v1/jobs/{pk}/retry/": {"step": "apply", **REASON},
    "/api/v1/notifications/{pk}/read/": NOTHING,
    "/api/v1/notifications/read-all/": NOTHING,
    "/api/v1/webhooks/": {"name": "New", "url": "https://93.184.216.34/", "events": ["*"], **REASON},
    "/api/v1/webhooks/{pk}/test/": NOTHING,
    "/api/v1/webhooks/{pk}/routes/": {"event": "approval.*", **REASON},
}
FLAG = {"key": "new-flag", "title": "New", "purpose": "To see.", "owner": "kiran", **REASON}
FEATURE = {"code": "own-prompts", "title": "T", "says": "S", "tiers": ["gold"], **REASON}
SCALE = {field.name: field.default for field in Scale._meta.fields if not field.primary_key}
CHANGE = {"tier": "platinum", **USE}
STEP, TO_OTHER = {"tier": "gold", "percent": 10, **REASON}, {"other": "storage", **REASON}
PART = {"document": {"retrieval": {"passages": 7}}, "base": 2, **REASON}
API |= {
    "/api/v1/flags/": FLAG,
    "/api/v1/flags/{pk}/": {"title": "Other", **REASON},
    "/api/v1/flags/{pk}/rollout/": STEP,
    "/api/v1/flags/{pk}/default/": {"tier": "gold", "variant": "on", **REASON},
    "/api/v1/flags/{pk}/relation/": {"word": "needs", **TO_OTHER},
    "/api/v1/flags/{pk}/relation-removal/": TO_OTHER,
    "/api/v1/flags/exposures/": {"exposures": []},
    "/api/v1/features/": FEATURE,
    "/api/v1/health-scale/{pk}/change/": {"matters_by": 6, **REASON},
    "/ofrep/v1/evaluate/flags": NOTHING,
    "/ofrep/v1/evaluate/flags/{key}": NOTHING,
}
SPAN = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}
API |= {
    "/api/v1/tenants/{pk}/fence-reports/": {"epoch": 1, "seconds": 5.0},
    "/api/v1/playbooks/{pk}/": {"notice_days": 3, **REASON},
    "/api/v1/rehearsal-demands/{pk}/": {"days": 14, **REASON},
    "/api/v1/red-flags/": {"kind": "freeze", "title": "Year end", **SPAN, **REASON},
}
MEASURE = {"text": "Double the pool.", "owner": "kiran", "due_on": "2099-01-01"}
WHY = {"cause": "A pool too small.", "retry_on": "2099-01-01"}
API |= {
    "/api/v1/migrations/{pk}/loss-acceptance/": {"writes": "unknown", **REASON},
    "/api/v1/portfolios/{pk}/budget/": {"budget_inr": "500000", **REASON},
    "/api/v1/drill-rules/{pk}/": {"every_days": 30, **REASON},
    "/api/v1/migration-reviews/{pk}/": {**WHY, **REASON},
    "/api/v1/migration-reviews/{pk}/measures/": {**MEASURE, **REASON},
}
STORE = {"name": "new-store", "title": "Store", "kind": "attested", "processor": "Acme GmbH", **REASON}
WORD = {"signed_by": "DPO", "expires_on": "2099-01-01", "statement": "All is gone."}
LISTED = {"system": "objects-ap-south-1", **REASON}
API |= {
    "/api/v1/systems/": STORE,
    "/api/v1/systems/{pk}/attestations/": {**WORD, **REASON},
    "/api/v1/system-findings/{pk}/listing/": LISTED,
}
KEPT = {
    "title": "Invoices", "statute": "CGST Act s. 36", "category": "invoices", "days": 2190,
    "ground": "Invoices, kept by tax law", "review_on": "2099-04-01", **REASON,
}  # fmt: skip
TOLD = {"name": "Payroll Ltd", "how": "By letter.", **REASON}
ERASE = {"kind": "person", "legal_basis": "gdpr-17", "user_id": "0193b0a0-0000-7000-8000-000000000001"}
ERASE_NOW = {**ERASE, "identity": "document", **REASON}
RECEIPT = {"digest": DIGEST, **REASON}
API |= {
    "/api/v1/exports/{pk}/receipt/": RECEIPT,
    "/api/v1/erasure-requests/{pk}/recipients/": TOLD,
    "/api/v1/retention-rules/": {"code": "RET-900", **KEPT},
    "/api/v1/retention-rules/{pk}/": {"days": 3000, **REASON},
    "/api/v1/lifetimes/": {"tier": "gold", "environment": "prod", "days": 30, **REASON},
    "/api/v1/lifetimes/{pk}/change/": {"days": 30, **REASON},
}
LET_STAND = {"owner": "kiran", "expires_on": f"{now() + timedelta(days=30):%Y-%m-%d}", **REASON}
API |= {
    "/api/v1/findings/{pk}/exception/": LET_STAND,
    "/api/v1/findings/{pk}/change/": {"justification": "It idles."},
}
PLAYBOOK = {
    "strategy": "long_window", "window_min_minutes": 240, "window_max_minutes": 360, "stability_hours": 24,
    "notice_days": 3, "engineer_hours": "4", "engineer_inr_an_hour": "", "transfer_inr_a_gb": "9.00",
}  # fmt: skip
CONSOLE: dict[str, dict[str, Any]] = {
    "/login/": {"username": "meera", "password": PASSWORD},
    "/account/password/": {"old_password": PASSWORD, **NEW_PASSWORD},
    "/reason/": {"scope": "business_unit:FIN", "offered": "business_unit:FIN"},
    "/views/": {"do": "save", "page": "notifications", "name": "Mine", "query": "unread=yes"},
    "/people/new/": PERSON,
    "/people/{object_id}/do/grant/": ROLE,
    "/tokens/new/": {"label": "ci", "scopes": ["tenant.read"], "days": 3, **REASON},
    "/tiers/new/": {**TIER, "rank": 5},
    "/tiers/{object_id}/do/limits/": LIMITS,
    "/channels/new/": {
        "name": "New",
        "kind": "slack",
        "url": "https://93.184.216.34/",
        "events": "*",
        "min_severity": "info",
    },
    "/migrations/new/": {"tenant": "fin-free", "target": "eu-west-1", "strategy": "", **REASON},
    "/migrations/{object_id}/do/throttle/": {"writes_per_second": "100", "minutes": "60"},
    "/migrations/{object_id}/do/accept_loss/": {"writes": "unknown"},
    "/rehearsals/new/": {"tenant": "finance-notes", "target": "eu-west-1", **REASON},
    "/copies/new/": {"tenant": "fin-free", "region": "eu-west-1", **REASON},
    "/playbooks/{object_id}/do/edit/": PLAYBOOK,
    "/erasures/{object_id}/do/tell_recipient/": TOLD,
    "/lifetimes/new/": {"tier": "gold", "environment": "prod", "days": 30},
    "/lifetimes/{object_id}/do/change/": {"days": 30},
    "/exports/{object_id}/do/confirm/": RECEIPT,
    "/retention-rules/new/": {"code": "RET-900", **KEPT},
    "/retention-rules/{object_id}/do/edit/": KEPT,
    "/portfolios/new/": {
        "title": "South",
        "target": "eu-west-1",
        "budget_inr": "9000000",
        "waves": "fin-free",
        **REASON,
    },
    "/portfolios/{object_id}/do/budget/": {"budget_inr": "500000"},
    "/drill-rules/{object_id}/do/edit/": {"every_days": 30},
    "/migration-reviews/{object_id}/do/describe/": WHY,
    "/migration-reviews/{object_id}/do/measure/": MEASURE,
    "/red-flags/new/": {
        "kind": "freeze",
        "title": "Year end",
        "tenant": "",
        "starts_at": "2026-01-01T00:00",
        "ends_at": "2026-01-02T00:00",
        **REASON,
    },
    "/systems/new/": STORE,
    "/certificate-rechecks/new/": {"number": "EC-000001"},
    "/erasure-draws/new/": {"number": "ER-0001"},
    "/systems/{object_id}/do/attest/": WORD,
    "/system-findings/{object_id}/do/list_finding/": LISTED,
    "/findings/{object_id}/do/except/": LET_STAND,
    "/rates/new/": RATE,
    "/terms/new/": TERMS,
    "/tenants/{object_id}/do/payment/": {"payment_status": "overdue", "billing_contact": "meera"},
    "/statements/{object_id}/do/adjust/": {"amount_inr": "-1.00"},
    "/prices/new/": {"kind": "user", "key": "gold", "amount": "100", **REASON},
    "/tenants/{object_id}/do/edit/": {"display_name": "New", "cost_centre": "CC-1"},
    "/tenants/{object_id}/do/key/": {"name": "notebook", "scopes": ["read"]},
    "/business-units/{object_id}/do/envelope/": {"amount_inr": "9000000"},
    "/requests/{object_id}/do/tick/": {"item": 0},
    "/approvals/{object_id}/do/sign/": {"digest": DIGEST, "password": PASSWORD},
    "/approval-rules/{object_id}/do/edit/": RULE,
    **{f"/{one}-configuration/{{object_id}}/do/set/": {"passages": 7, "base": 2} for one in ("tenant", "tier")},
    **{f"/{one}-configuration/{{object_id}}/do/back/": {"number": 1} for one in ("tenant", "tier")},
    "/health-scale/{object_id}/do/change/": SCALE,
    "/flags/new/": {"kind": "release", **FLAG},
    "/flags/{object_id}/do/rollout/": STEP,
    "/flags/{object_id}/do/default/": {"tier": "gold", "variant": "on"},
    "/flags/{object_id}/do/override/": {"tenant_id": "finance-notes", "variant": "on"},
    "/flags/{object_id}/do/override_removal/": {"tenant_id": "finance-notes"},
    "/flags/{object_id}/do/relate/": {"word": "needs", **TO_OTHER},
    "/flags/{object_id}/do/unrelate/": TO_OTHER,
    "/flags/{object_id}/do/change/": {name: FLAG[name] for name in ("title", "purpose", "owner")},
}


def sent_to_api(door: Door, key: str, below: dict[str, str]) -> dict[str, Any] | None:
    """The JSON for this door; `key` is what it is about where the id is in the body."""
    if door.method not in ("POST", "PUT", "PATCH"):
        return None
    if door.route == "/api/v1/validations/":
        return {"tenant_id": key, **REASON}
    if door.route.startswith("/api/v1/migrations/") and door.in_body:
        why = {} if door.word == "plan" else REASON
        return {"tenant_id": key, "target": "eu-west-1", **why}
    if door.route.startswith("/api/v1/portfolios/") and door.in_body:
        why = {} if door.word == "plan" else {"title": "South", **REASON}
        return {"target": "eu-west-1", "waves": [[key]], "budget_inr": "9000000", **why}
    if door.route == "/api/v1/rollback-drills/":
        return {"migration_id": key, **REASON}
    if door.word == "measure-completion":
        return {"measure": below.get(key, 1), **REASON}
    if door.route == "/api/v1/rehearsals/":
        return {"tenant_id": key, "target": "eu-west-1", **REASON}
    if door.route in ("/api/v1/exports/", "/api/v1/restores/"):
        return {"tenant_id": key, **REASON}
    if door.route == "/api/v1/tenant-copies/":
        return {"tenant_id": key, "region": "eu-west-1", **REASON}
    if door.route == "/api/v1/usage/":
        return {"deltas": [{**DELTA, "tenant_id": key, "day": f"{now():%Y-%m-%d}"}]}
    if door.route == "/api/v1/tenant-requests/":
        return request_of(name="new-notes", business_unit=key)
    if door.route == "/api/v1/tenant-requests/estimate/":
        typed = (
            "business_unit",
            "tier",
            "region",
            "geography",
            "expected_users",
            "expected_documents",
            "annual_budget_inr",
        )
        return {name: value for name, value in request_of(business_unit=key).items() if name in typed}
    if door.route == "/api/v1/estate-decisions/":
        return {"findings": [key], "remedy": "repair", **REASON}
    if door.route == "/api/v1/noise-rules/":
        return {"resource_type": "region_bucket", "owner": "kiran", "expires_on": _in_days(30), **REASON}
    if door.route == "/api/v1/holds/":
        return {"tenant_id": key, **HOLD}
    if door.route.startswith("/api/v1/erasure-requests/") and door.in_body:
        return {"tenant_id": key, **(ERASE if door.word == "preview" else ERASE_NOW)}
    if door.route == "/api/v1/client-keys/":
        return {"token": str(ApiToken.objects.get(label="signs").pk), "public_key": PUBLIC, **REASON}
    if door.route == "/api/v1/erasure-draws/":
        return {"request_id": key, **REASON}
    if door.route == "/api/v1/certificate-rechecks/":
        return {"certificate_id": key, **REASON}
    if door.word == "acknowledgement":
        return NOTHING
    if door.route == "/api/v1/tier-changes/":
        return {"tenant_id": key, **CHANGE, "justification": "Year end."}
    if door.route == "/api/v1/tier-changes/estimate/":
        return {"tenant_id": key, **CHANGE}
    if door.route == "/api/v1/configurations/":
        return {"tenant_id": key, **PART}
    if door.word in ("override", "override-removal"):
        more = {"variant": "on"} if door.word == "override" else {}
        return {"tenant_id": str(Tenant.objects.get(name="finance-notes").pk), **more, **REASON}
    if door.route == "/api/v1/sandboxes/":
        return {"tenant": str(Tenant.objects.get(name="fin-sandbox-next").pk), **REASON}
    if door.route == "/api/v1/delegations/":
        return _delegation()
    return API.get(door.route, REASON)


def sent_to_console(door: Door, key: str, below: dict[str, str]) -> dict[str, Any]:
    if door.route in ("/requests/new/", "/requests/new/estimate/"):
        champion = str(User.objects.get(username="meera").pk)
        return request_of(name="new-notes", environment="prod", owner=champion, champion=champion)
    if door.route in ("/tier-changes/new/", "/tier-changes/new/estimate/"):
        own = Tenant.objects.get(name="finance-notes")
        return {"tenant": str(own.pk), **CHANGE, "justification": "Year end."}
    if door.route == "/holds/new/":
        return {"tenant": str(Tenant.objects.get(name="finance-notes").pk), **HOLD}
    if door.route == "/erasures/new/":
        return {"tenant": str(Tenant.objects.get(name="finance-notes").pk), **ERASE_NOW}
    if door.route == "/exports/new/":
        return {"tenant": str(Tenant.objects.get(name="finance-notes").pk), **REASON}
    if door.route == "/sandboxes/new/":
        return {"tenant": str(Tenant.objects.get(name="fin-sandbox-next").pk), **REASON}
    if door.route == "/client-keys/new/":
        return {"token": str(ApiToken.objects.get(label="signs").pk), "public_key": PUBLIC, **REASON}
    if door.route == "/delegations/new/":
        return _delegation()
    if door.route == "/noise-rules/new/":
        owner = str(User.objects.get(username="kiran").pk)
        return {"resource_type": "region_bucket", "owner": owner, "expires_on": _in_days(30), **REASON}
    if door.route == "/estate-findings/{object_id}/do/ignore/":
        return {**REASON, "verb": "ignore", "until": _in_days(5)}
    more = CONSOLE.get(door.route, {})
    more |= {name: below.get(key, key) for name in HANGING.get(door.word, ())}
    return {**REASON, "verb": door.word, "own_password": PASSWORD, **more}


def _in_days(count: int) -> str:
    return (now() + timedelta(days=count)).date().isoformat()


def _delegation() -> dict[str, Any]:
    until = (now() + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M")
    return {"delegate": str(User.objects.get(username="deputy").pk), "role": "cfo", "valid_until": until, **REASON}
