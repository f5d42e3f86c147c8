"""What the lifecycle tells the floors below, as events of the outbox."""

from portal.jobs.outbox import emit

from .models import State, TenantRequest


def tell(request: TenantRequest) -> None:
    """Say where a request stands now, and whom that concerns. Inside the transaction of the change."""
    concerned = {request.requested_by_id}
    if request.state in (State.AWAITING_CHAMPION, State.ACTIVE):
        concerned.add(request.champion_id)
    emit(
        "request.changed",
        {
            "request_id": str(request.pk),
            "tenant_id": str(request.tenant_id),
            "name": request.name,
            "state": request.state,
            "at": request.state_changed_at.isoformat(),
            "users": sorted(map(str, concerned)),
        },
    )
