"""What forbids a change of status."""

from portal.lib.errors import Blocked
from tenants.models import Tenant


def not_while_moving(verb: str, tenant: Tenant) -> None:
    """A tenant that is being moved is not put away: the move would go on into stores that nobody may read."""
    if tenant.operation:
        raise Blocked(f"The tenant is in the middle of an operation ({tenant.operation}).", by="operation")
