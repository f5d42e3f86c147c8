"""A region's compliance report: its tenants, their verdicts, the exceptions and the evidence, signed (Ed25519).

The signature is over the canonical bytes of `report` (`bailiwick_proof.canonical`: sorted keys, no white space, UTF-8):
whoever holds the public key can check the document without the portal: docs/compliance-report.md shows how.
"""

import base64
import binascii
from typing import Any

from bailiwick_proof.canonical import canonical, digest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils.module_loading import import_string

from portal.access import policy
from portal.access.actor import Actor
from portal.lib.clock import now
from portal.lib.errors import Absent
from portal.lib.keys import ed25519
from tenants.models import Status, Tenant

from .models import Profile, ProviderRegion, ResidencyRule, Verdict
from .queries import last_verdicts_by_tenant

FORMAT = "bailiwick-compliance-report/1"
GONE = (Status.REQUESTED, Status.FAILED, Status.DELETED)


class Everywhere:
    """Where no tenant or business unit is named, only a grant for all of them reaches."""

    def access_scope(self) -> dict[str, Any]:
        return {}


def issue(region: str, *, actor: Actor) -> dict[str, Any]:
    """The signed report of one region as it stands now: {"report": …, "signature": …}."""
    policy.require(actor, "compliance_report.view", Everywhere())
    if region not in regions():
        raise Absent("There is no such region, or no tenant and no provider in it.")
    report = build(region)
    value = base64.urlsafe_b64encode(_key().sign(canonical(report))).rstrip(b"=").decode()
    return {"report": report, "signature": {"algorithm": "Ed25519", "key": public_key(), "value": value}}


def regions() -> list[str]:
    """Regions that a report can be made of: those of the tenants and of the providers."""
    used = Tenant.objects.exclude(status__in=GONE).order_by().values_list("region", flat=True).distinct()
    offered = ProviderRegion.objects.in_force().order_by().values_list("region", flat=True).distinct()
    return sorted({*used, *offered})


def public_key() -> str:
    """The verification key: 32 raw bytes, base64url without padding."""
    raw = _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_genuine(document: dict[str, Any], key: str) -> bool:
    """True if `key` signed exactly this report. The key is the one the reader trusts, never the document's own."""
    try:
        value, raw = _decoded(document["signature"]["value"]), _decoded(key)
        Ed25519PublicKey.from_public_bytes(raw).verify(value, canonical(document["report"]))
    except (InvalidSignature, KeyError, TypeError, ValueError, binascii.Error):
        return False
    return True


def build(region: str) -> dict[str, Any]:
    """The unsigned report; strings, whole numbers, lists and objects only."""
    tenants = list(Tenant.objects.filter(region=region).exclude(status__in=GONE).order_by("name"))
    verdicts = last_verdicts_by_tenant([tenant.pk for tenant in tenants])
    evidence = import_string(settings.COMPLIANCE_EVIDENCE)([tenant.pk for tenant in tenants])
    rows = [_tenant(tenant, verdicts.get(tenant.pk, []), evidence.get(tenant.pk)) for tenant in tenants]
    return {
        "format": FORMAT,
        "region": region,
        "issuer": settings.PUBLIC_URL,
        "issued_at": now().isoformat(),
        "rules_in_force": _rules(),
        "tenants": rows,
        "exceptions": [
            {"tenant": row["id"], "name": row["name"], **one}
            for row in rows
            for one in row["verdicts"]
            if one["outcome"] != "pass"
        ],
        "not_judged": [row["id"] for row in rows if not row["verdicts"]],
        "not_validated": [row["id"] for row in rows if row["evidence"] is None],
    }


def _tenant(tenant: Tenant, verdicts: list[Verdict], evidence: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": str(tenant.pk),
        "name": tenant.name,
        "business_unit": tenant.business_unit_id,
        "status": tenant.status,
        "tier": tenant.tier_id,
        "geography": tenant.geography,
        "data_classes": sorted(tenant.data_classes),
        "profiles": sorted(tenant.compliance_profiles),
        "vector_provider": tenant.vector_provider,
        "is_restricted": tenant.is_restricted,
        "verdicts": [_verdict(one) for one in verdicts],
        "evidence": evidence,
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    return {
        "verdict": str(one.pk),
        "rule": one.rule_id,
        "version": one.rule_version,
        "outcome": one.outcome,
        "title": one.title,
        "remedy": one.remedy,
        "at": one.at.isoformat(),
        "inputs_sha256": digest(one.inputs),
    }


def _rules() -> list[str]:
    return sorted(
        [str(rule) for rule in ResidencyRule.objects.in_force()] + [str(rule) for rule in Profile.objects.in_force()]
    )


def _key() -> Any:
    return ed25519(settings.SECRETS_DIR / "report_ed25519.pem", settings.CREATE_SECRETS)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
