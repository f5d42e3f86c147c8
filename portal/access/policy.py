"""The one answer to "may this actor do this to that?", asked by screens, API and actions alike.

A verb is `family.word`. VERBS says which roles may, anywhere their grant reaches. Objects say where they are through
`access_scope() -> {"tenant": id, "business_unit": code}`; a grant reaches an object if it is global or names one of
these. What belongs to the whole house (WHOLE) is reached by global grants only. Being a superuser opens nothing.
Signing verbs are never open to superusers, to the system itself or to API tokens.
"""

from typing import Any

from portal.lib.errors import NotAllowed

from .actor import Actor
from .models import APPROVER_ROLES, Role
from .queries import grants_of

READERS = frozenset({Role.PLATFORM_ADMIN, Role.PLATFORM_ENGINEER, Role.COMPLIANCE_OFFICER, Role.AUDITOR})
APPROVERS = frozenset(APPROVER_ROLES)
TENANT_SIDE = frozenset({Role.TENANT_ADMIN, Role.TENANT_VIEWER})
ENGINEERS = frozenset({Role.PLATFORM_ADMIN, Role.PLATFORM_ENGINEER})
ADMINS = frozenset({Role.PLATFORM_ADMIN})
COUNSEL = frozenset({Role.LEGAL, Role.COMPLIANCE_OFFICER})

VERBS: dict[str, frozenset[Role]] = {
    "tenant.view": READERS | APPROVERS | TENANT_SIDE | {Role.SERVICE},
    "tenant.edit": ADMINS,
    "tenant.suspend": ENGINEERS,
    "tenant.reactivate": ENGINEERS,
    "tenant.archive": ADMINS,
    "tenant.validate": ENGINEERS | {Role.COMPLIANCE_OFFICER},
    "tenant.restore": ENGINEERS | {Role.TENANT_ADMIN},
    "tenant.connect": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "tier.view": READERS | APPROVERS | TENANT_SIDE | {Role.SERVICE},
    "tier.edit": ADMINS,
    "price.edit": ADMINS,
    "envelope.edit": frozenset({Role.CFO}),
    "request.view": READERS | APPROVERS | TENANT_SIDE,
    "request.create": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "request.cancel": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "request.accept": frozenset({Role.TENANT_ADMIN}),
    "request.manual": ENGINEERS,
    "request.roll_back": ENGINEERS,
    "tier_change.view": READERS | APPROVERS | TENANT_SIDE,
    "tier_change.create": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "tier_change.cancel": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "tier_change.end": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "finding.view": READERS | APPROVERS,
    "finding.scan": ENGINEERS,
    "finding.except": frozenset({Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER}),
    "finding.propose": ENGINEERS,
    "migration.view": READERS | APPROVERS | TENANT_SIDE,
    "migration.request": ENGINEERS,
    "migration.operate": ENGINEERS,
    "migration.report": ENGINEERS | {Role.TENANT_ADMIN},
    "migration.accept_loss": ADMINS | {Role.CTO},
    "migration_review.view": READERS | APPROVERS | TENANT_SIDE,
    "migration_review.edit": ENGINEERS,
    "migration_review.close": ENGINEERS | {Role.CHANGE_BOARD, Role.CTO},
    "migration_drill.view": READERS | APPROVERS | TENANT_SIDE,
    "migration_drill.run": ENGINEERS,
    "drill_rule.view": READERS | APPROVERS | TENANT_SIDE,
    "drill_rule.edit": ADMINS,
    "portfolio.view": READERS | APPROVERS,
    "portfolio.edit": ENGINEERS,
    "migration.throttle": ENGINEERS,
    "migration.approve_throttle": frozenset({Role.TENANT_ADMIN}),
    "migration.make_copy": ENGINEERS,
    "retirement.view": READERS | APPROVERS | TENANT_SIDE,
    "retirement.operate": ENGINEERS,
    "migration.rehearse": ADMINS,
    "estate.view": READERS | APPROVERS | TENANT_SIDE,
    "estate.decide": ENGINEERS,
    "upgrade.view": READERS | APPROVERS,
    "upgrade.edit": ENGINEERS,
    "noise_rule.view": READERS | APPROVERS,
    "noise_rule.edit": ADMINS,
    "lifetime.view": READERS | APPROVERS,
    "lifetime.edit": ADMINS,
    "fence.report": frozenset({Role.SERVICE}),
    "playbook.view": READERS | APPROVERS | TENANT_SIDE,
    "playbook.edit": ADMINS,
    "red_flag.view": READERS,
    "approval.view": READERS | APPROVERS | TENANT_SIDE,
    "approval.sign": APPROVERS | {Role.COMPLIANCE_OFFICER},
    "approval.delegate": APPROVERS | {Role.COMPLIANCE_OFFICER},
    "approval_rule.view": READERS | APPROVERS,
    "approval_rule.edit": ADMINS,
    "hold.view": READERS | APPROVERS,
    "hold.matter": COUNSEL,
    "hold.place": COUNSEL,
    "hold.release": COUNSEL,
    "hold.remind": COUNSEL,
    "erasure.view": READERS | APPROVERS | {Role.TENANT_ADMIN},
    "erasure.request": frozenset({Role.TENANT_ADMIN, Role.COMPLIANCE_OFFICER}),
    "erasure.operate": frozenset({Role.COMPLIANCE_OFFICER}),
    "erasure.refuse": COUNSEL,
    "erasure.extend": COUNSEL,
    "erasure.contest": frozenset({Role.TENANT_ADMIN, Role.COMPLIANCE_OFFICER}),
    "erasure.waive_export": frozenset({Role.TENANT_ADMIN, Role.LEGAL}),
    "erasure.draw": frozenset({Role.COMPLIANCE_OFFICER}),
    "erasure.prove": frozenset({Role.TENANT_ADMIN}) | COUNSEL,
    "export.view": READERS | APPROVERS | {Role.TENANT_ADMIN},
    "export.request": frozenset({Role.TENANT_ADMIN, Role.COMPLIANCE_OFFICER}),
    "export.download": frozenset({Role.TENANT_ADMIN, Role.COMPLIANCE_OFFICER}),
    "export.confirm": frozenset({Role.TENANT_ADMIN, Role.COMPLIANCE_OFFICER}),
    "retention_rule.view": READERS | APPROVERS,
    "retention_rule.edit": COUNSEL,
    "job.view": READERS | TENANT_SIDE | APPROVERS,
    "job.operate": ENGINEERS,
    "policy.view": READERS | APPROVERS,
    "policy.edit": frozenset({Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER}),
    "compliance_report.view": frozenset(
        {Role.COMPLIANCE_OFFICER, Role.CCO, Role.LEGAL, Role.AUDITOR, Role.PLATFORM_ADMIN}
    ),
    "system.view": READERS | APPROVERS,
    "system.edit": frozenset({Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN}),
    "scan.sign": frozenset({Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN}),
    "certificate.view": READERS | APPROVERS | TENANT_SIDE,
    "certificate.issue": frozenset({Role.COMPLIANCE_OFFICER}),
    "certificate.revoke": frozenset({Role.COMPLIANCE_OFFICER, Role.CCO}),
    "certificate.recheck": frozenset({Role.COMPLIANCE_OFFICER}),
    "certificate_key.view": READERS | APPROVERS,
    "certificate_key.rotate": ADMINS,
    "incident.view": READERS,
    "incident.resolve": frozenset({Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER}),
    "audit.view": frozenset({Role.AUDITOR, Role.COMPLIANCE_OFFICER, Role.PLATFORM_ADMIN, Role.LEGAL}),
    "access_session.open": ENGINEERS,
    "ledger.retire": ADMINS,
    "access.view": ADMINS | {Role.AUDITOR},
    "access.edit": ADMINS,
    "webhook.view": ENGINEERS | {Role.AUDITOR},
    "webhook.edit": ADMINS,
    "health_scale.view": READERS | APPROVERS | TENANT_SIDE,
    "health_scale.edit": ADMINS,
    "cost.view": READERS | APPROVERS | TENANT_SIDE,
    "cost.adjust": frozenset({Role.CFO}),
    "cost.oversee": READERS | {Role.CFO},
    "rate.view": READERS | APPROVERS | TENANT_SIDE,
    "rate.edit": frozenset({Role.CFO}),
    "terms.view": READERS | APPROVERS | TENANT_SIDE,
    "terms.edit": frozenset({Role.CFO}),
    "usage.view": READERS | APPROVERS | TENANT_SIDE,
    "usage.report": frozenset({Role.SERVICE}),
    "snapshot.view": frozenset({Role.SERVICE}),
    "configuration.view": READERS | APPROVERS | TENANT_SIDE,
    "configuration.edit": frozenset({Role.TENANT_ADMIN, Role.PLATFORM_ADMIN}),
    "configuration.edit_tier": ADMINS,
    "flag.view": READERS | APPROVERS | TENANT_SIDE,
    "flag.edit": ENGINEERS,
    "flag.switch": ENGINEERS,
    "flag_review.view": READERS,
    "flag_review.edit": ENGINEERS,
    "flag.evaluate": TENANT_SIDE | ADMINS | {Role.SERVICE},
    "flag.export": READERS | {Role.SERVICE},
    "flag.report": frozenset({Role.SERVICE}),
}
PEOPLE_ONLY = frozenset(
    {
        "approval.sign", "approval.delegate", "request.accept", "envelope.edit", "cost.adjust",
        "migration_review.close", "migration.approve_throttle", "migration.accept_loss", "hold.place", "hold.release",
        "erasure.refuse", "erasure.extend", "erasure.prove", "erasure.waive_export", "export.confirm", "scan.sign",
    }
)  # fmt: skip
SESSION_ONLY = frozenset({"approval.sign", "approval.delegate", "access.edit", "access_session.open"})
# What concerns the whole installation: a grant over one place reaches none of it.
WHOLE = frozenset(
    {
        "tier.edit", "price.edit", "approval_rule.edit", "policy.edit", "audit.view", "access.view", "access.edit",
        "webhook.view", "webhook.edit", "compliance_report.view", "ledger.retire", "flag.edit", "flag.switch",
        "flag_review.view", "flag_review.edit", "flag.export", "flag.report", "configuration.edit_tier",
        "cost.oversee", "rate.edit", "terms.edit", "health_scale.edit", "playbook.edit", "red_flag.view",
        "drill_rule.edit", "portfolio.view", "portfolio.edit",
        "certificate_key.view", "certificate_key.rotate", "retention_rule.edit",
        "system.view", "system.edit", "scan.sign", "noise_rule.view", "noise_rule.edit",
        "finding.view", "finding.scan", "finding.except", "finding.propose",
        "upgrade.view", "upgrade.edit",
    }
)  # fmt: skip


def can(actor: Actor, verb: str, obj: Any = None) -> bool:
    """True if the actor may do `verb` to `obj` (or, without an object, to at least something)."""
    roles = VERBS[verb]
    if actor.is_system:
        return verb not in PEOPLE_ONLY
    if actor.user is None or not actor.user.is_active:
        return False
    if not _credential_carries(actor, verb):
        return False
    if actor.user.is_superuser and verb in PEOPLE_ONLY:
        return False
    where = {} if verb in WHOLE else scope_of(obj)
    return any(grant.role in roles and reaches(grant, where) for grant in grants_of(actor))


def require(actor: Actor, verb: str, obj: Any = None) -> None:
    """Raise NotAllowed unless `can`."""
    if not can(actor, verb, obj):
        needed = ", ".join(sorted(str(Role(role).label) for role in VERBS[verb]))
        raise NotAllowed(f"This needs one of these roles here: {needed}.", verb=verb)


def require_scope(actor: Actor, verb: str) -> None:
    """Raise NotAllowed if the credential does not carry `verb`: for lists, where the grants only narrow the rows."""
    if not _credential_carries(actor, verb):
        raise NotAllowed(f"This credential does not carry {verb}.", code="scope-missing", verb=verb)


def _credential_carries(actor: Actor, verb: str) -> bool:
    if actor.via == "token" and verb in SESSION_ONLY | PEOPLE_ONLY:
        return False
    if actor.scopes is None:
        return True
    family, _, word = verb.partition(".")
    wanted = {verb, f"{family}.*", f"{family}.{'read' if word == 'view' else 'write'}"}
    return bool(actor.scopes & wanted)


def scope_of(obj: Any) -> dict[str, str] | None:
    """Where an object is; None for nothing, and for what is nowhere in particular."""
    if obj is None or not hasattr(obj, "access_scope"):
        return None
    return {kind: str(key) for kind, key in obj.access_scope().items() if key}


def reaches(grant: Any, where: dict[str, str] | None) -> bool:
    """True if a grant covers that place."""
    return grant.scope_type == "global" or where is None or where.get(grant.scope_type) == grant.scope_id
