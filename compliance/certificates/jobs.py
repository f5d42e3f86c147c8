"""The job that makes an anchored intent a certificate: sign, stamp, print, issue. Each step may be killed and repeated.

Guards are asked before anything is signed and again when it takes effect. Where one forbids, or the last verification
has grown old, the certificate is void: it was never issued, and the engine verifies again and asks for another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from bailiwick_proof.certificate import FRESH_SECONDS, signed_text
from bailiwick_proof.certificate import Certificate as Document
from bailiwick_proof.note import Note
from bailiwick_verify.certificate import verify
from django.db.models import QuerySet

from portal.audit.actions import record
from portal.audit.evidence import entry_of, receipt_of
from portal.guards import check_guards
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.jobs.kinds import JobKind, StepDef
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.composed import composed
from portal.lib.errors import Blocked
from tenants.models import Tenant

from . import authority, keys, stamping, store
from .models import UNISSUED, Certificate, State, Type
from .printing.signed import printed
from .queries import KIND, news
from .trusted import trust

GUARD = "certificate.issue"


def sign(ctx: StepContext) -> dict[str, Any]:
    """Attach receipt and signature, if every guard still allows it."""
    key = keys.current()  # made, perhaps, in a transaction of its own
    with _live(ctx) as row:
        if row.signature:
            return {"key": row.signing_key_id}
        entry = entry_of(row.intent)
        if not _allowed(ctx, row):
            return {"void": row.state_reason}
        row.receipt = receipt_of(entry).decode()
        text = signed_text(row.certified, entry.body, row.receipt)
        row.signature = Note(text).signed(keys.pair(key.number).note).encode().decode()
        row.signing_key = key
        row.sign()
        row.save()
    return {"key": key.pk}


def stamp(ctx: StepContext) -> dict[str, Any]:
    """Have the signature time-stamped."""
    row = _row(ctx)
    token = row.timestamp or stamping.stamp(row.signature.encode())
    with _live(ctx) as row:
        row.timestamp = row.timestamp or token
        row.save(update_fields=["timestamp"])
    return {"simulated": authority.is_simulated()}


def render(ctx: StepContext) -> dict[str, Any]:
    """Print it, verify both forms as a stranger would, and keep them where nobody can change them."""
    row, trusted = _row(ctx), trust()
    assert row.signing_key is not None
    document = Document(row.certified, entry_of(row.intent).body, row.receipt, row.signature, row.timestamp)
    data = document.encode()
    verify(data, trusted)
    pdf = printed(document, keys.pair(row.signing_key.number))
    verify(pdf, trusted)
    store.keep("certificates", data)
    digest = store.keep("pdf", pdf)
    with _live(ctx) as row:
        row.document, row.pdf_digest = data.decode(), digest
        row.save(update_fields=["document", "pdf_digest"])
    return {"pdf": digest, "bytes": len(pdf)}


def issue(ctx: StepContext) -> dict[str, Any]:
    """Let it take effect, if every guard still allows it; what it replaces stands no longer."""
    with _live(ctx) as row:
        if not _allowed(ctx, row):
            return {"void": row.state_reason}
        row.issue()
        row.save(update_fields=["state", "issued_at"])
        record("certificate.issued", row, actor=ctx.actor, data={"id": row.known_as, "pdf": row.pdf_digest})
        before = row.follows
        if before is not None and row.type == Type.REISSUE and before.state == State.ISSUED:
            before.supersede(f"Replaced by {row}.")
            before.save(update_fields=["state", "ended_at", "state_reason"])
        emit("certificate.issued", news(row))
    return {"issued": row.known_as}


def _row(ctx: StepContext) -> Certificate:
    row = Certificate.objects.select_related("signing_key").get(pk=ctx.job.subject_id)
    if row.state not in UNISSUED:
        raise Skip(f"It is {row.get_state_display()}.")
    return row


@contextmanager
def _live(ctx: StepContext) -> Iterator[Certificate]:
    """The certificate under its lock while this worker holds the job; Skip when there is nothing more to do to it.

    Its tenant's lock comes first: who places a hold takes that one, and comes before or after.
    """
    with ctx.fenced():
        _its_tenant(UUID(ctx.job.subject_id))
        [row] = _itself(UUID(ctx.job.subject_id))
        if row.state not in UNISSUED:
            raise Skip(f"It is {row.get_state_display()}.")
        yield row


@composed
def _its_tenant(certificate_id: UUID) -> QuerySet[Tenant, UUID]:
    of = Certificate.objects.filter(pk=certificate_id).values("tenant_id")
    return Tenant.objects.select_for_update(no_key=True).filter(pk__in=of).order_by().values_list("pk", flat=True)


@composed
def _itself(certificate_id: UUID) -> QuerySet[Certificate]:
    return Certificate.objects.select_for_update().filter(pk=certificate_id).order_by()


def _allowed(ctx: StepContext, row: Certificate) -> bool:
    """Ask every guard; what is refused is void and told to the engine. A refusal says of nothing that it is gone."""
    if not row.certified.is_conclusive:
        return True
    try:
        check_guards(GUARD, row)
        _require_fresh(row)
        return True
    except Blocked as refused:
        reason = refused.detail
    row.make_void(reason)
    row.save(update_fields=["state", "ended_at", "state_reason"])
    record("certificate.void", row, actor=ctx.actor, reason=reason[:500], data={"id": row.known_as})
    emit("certificate.void", {**news(row), "reason": reason})
    return False


def _require_fresh(row: Certificate) -> None:
    core = row.certified
    age = now() - datetime.fromisoformat(core.erasure.timeline.verified)
    says_the_same = row.follows is not None and row.follows.certified.erasure.timeline == core.erasure.timeline
    if core.is_conclusive and not says_the_same and age.total_seconds() > FRESH_SECONDS:
        raise Blocked("The last verification is older than ten minutes; verify again.", by="freshness")


ISSUE = JobKind(
    name=KIND,
    title="Issue an erasure certificate",
    steps=[
        StepDef("sign", "Sign", sign, eta_seconds=1, max_attempts=3),
        StepDef("stamp", "Time stamp", stamp, eta_seconds=2, max_attempts=3, lease_seconds=60),
        StepDef("render", "Print, verify, keep", render, eta_seconds=3, max_attempts=3, lease_seconds=120),
        StepDef("issue", "Take effect", issue, eta_seconds=1, max_attempts=3),
    ],
    is_cancellable=False,
)
