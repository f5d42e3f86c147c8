"""REST of restores: each is refused, and that is on record."""

from typing import NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request

from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.lib.api import ReasonSerializer
from tenants.models import Tenant

from . import actions


class RestoreInputSerializer(ReasonSerializer):
    tenant_id = serializers.UUIDField()


class RestoreViewSet(IdempotentMixin, viewsets.GenericViewSet[Tenant]):
    """Restores of a tenant from a backup: none is possible before it replays the erasure ledger."""

    serializer_class = RestoreInputSerializer
    queryset = Tenant.objects.none()

    @extend_schema(request=RestoreInputSerializer, responses={})
    def create(self, request: Request) -> NoReturn:
        """Ask for a restore: 423 with what would make it pass, kept in the ledger; nothing is changed."""
        given = asked(request, RestoreInputSerializer, actions.VERB)
        actions.ask(given.pop("tenant_id"), actor=actor_of(request), **given)


routes = [("restores", RestoreViewSet, "restore")]
