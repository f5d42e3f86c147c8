"""Where a tenant's requests go. The registry's routing epoch decides, and nothing else."""

from dataclasses import dataclass

from .registry import Registry

FENCED = "/api/v1/tenants/{}/fence-reports/"


@dataclass(frozen=True, slots=True)
class Route:
    """The region that owns the tenant, and the epoch that every write to its stores has to say."""

    owner: str
    epoch: int


class Router:
    """Routes by what a registry knows, and waits for what it is about to know. Thread-safe."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._reported: set[tuple[str, int]] = set()

    def route(self, tenant_id: str) -> Route:
        """Where the tenant is served, under a live lease; raises Refused."""
        found = self._registry.tenant(tenant_id)
        return Route(found.region, found.routing_epoch)

    def wait_beyond(self, tenant_id: str, epoch: int, seconds: float) -> Route | None:
        """The route at a newer epoch as soon as one is known; None when there was none in so many seconds.

        It admits nobody: the tenant may be suspended there.
        """
        found = self._registry.configuration_beyond(tenant_id, epoch, seconds)
        return Route(found.region, found.routing_epoch) if found else None

    def report_fenced(self, tenant_id: str, epoch: int, seconds: float) -> bool:
        """Tell the portal, once an epoch, that writers have stood before a fence for so long; True when it heard.

        Whoever reports changes nothing: the portal's watchdog looks for itself, and only it may abort.
        """
        if (tenant_id, epoch) in self._reported:
            return False
        heard = self._registry.tell(FENCED.format(tenant_id), {"epoch": epoch, "seconds": round(seconds, 1)})
        if heard:
            self._reported.add((tenant_id, epoch))
        return heard
