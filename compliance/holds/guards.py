"""What a legal hold forbids. Registered in settings for every verb that destroys."""

from typing import Any

from .errors import Retained
from .models import STANDING, Hold
from .queries import is_held


def not_while_held(verb: str, obj: Any) -> None:
    """Nothing of a tenant is destroyed while a hold on it stands. Who calls has the tenant's row where that matters."""
    tenant_id = getattr(obj, "tenant_id", None) or obj.pk
    if is_held(tenant_id):
        raise Retained(tenant_id, verb)


def nothing_held(verb: str, obj: Any) -> None:
    """Records that concern every tenant stay while any hold stands anywhere."""
    if Hold.objects.filter(state__in=STANDING).exists():
        raise Retained(None, verb)
