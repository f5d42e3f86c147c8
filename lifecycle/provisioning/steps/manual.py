"""Wait for a person's hands where the rules ask for them."""

from typing import Any

from lifecycle.models import ManualRule, State, Ticket
from lifecycle.news import tell
from lifecycle.provisioning.subject import request_of
from portal.audit.actions import record
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip, WaitUntil
from portal.jobs.outbox import emit


def manual_setup(ctx: StepContext) -> dict[str, Any]:
    """Open a ticket with a checklist and wait until every line of it is done."""
    request = request_of(ctx)
    if not request.manual_reasons:
        raise Skip("Nothing about this request needs a person's hands.")
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        ticket, is_new = Ticket.objects.get_or_create(
            request=request, defaults={"reference": f"MAN-{request.pk.hex[-6:].upper()}", "items": _items(request)}
        )
        if request.state == State.PROVISIONING and ticket.closed_at is None:
            request.await_manual_setup()
            request.state_reason = "; ".join(request.manual_reasons)[:1000]
            request.save()
        if is_new:
            record("ticket.opened", request, actor=ctx.actor, reason=request.state_reason)
            todo = [item["text"] for item in ticket.items]
            emit("ticket.opened", {"request_id": str(request.pk), "reference": ticket.reference, "items": todo})
            tell(request)
    if ticket.closed_at is None:
        raise WaitUntil(None, f"Manual set-up {ticket.reference}: {'; '.join(request.manual_reasons)}")
    return {"ticket": ticket.reference, "items": ticket.items}


def _items(request: Any) -> list[dict[str, Any]]:
    texts = []
    for rule in ManualRule.objects.filter(is_active=True, title__in=request.manual_reasons).order_by("rule_id"):
        texts += rule.checklist
    known = set(ManualRule.objects.filter(title__in=request.manual_reasons).values_list("title", flat=True))
    texts += [f"Settle by hand: {reason}" for reason in request.manual_reasons if reason not in known]
    return [{"text": text, "done_by": "", "done_at": None, "note": ""} for text in dict.fromkeys(texts)]
