"""REST of certificates: the library, its files, revocation and re-issue; and the keys that sign."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy
from portal.access.actor import actor_of
from portal.access.asking import asked
from portal.access.idempotency import IdempotentMixin
from portal.audit.receipts import BYTES, Bytes
from portal.lib.api import ReasonSerializer
from portal.lib.openapi import MORE
from portal.notify.queries import Way

from . import actions, downloads, keys, queries
from .models import Certificate, SigningKey

FILE = {(200, BYTES): OpenApiTypes.BINARY}


class CertificateSerializer(serializers.ModelSerializer[Certificate]):
    name = serializers.CharField(source="__str__", read_only=True)
    standing = serializers.CharField(read_only=True, help_text="Its state, or delivered once the tenant's side took it")
    certificate_id = serializers.CharField(source="known_as", read_only=True, help_text="As printed, 32 hex digits")

    class Meta:
        model = Certificate
        exclude = ["core", "receipt", "signature", "timestamp", "document", "intent"]


class CertificateDeliverySerializer(serializers.Serializer[Way]):
    """One way by which the certificate was brought to one person."""

    username = serializers.CharField()
    by = serializers.CharField(help_text="portal or mail")
    state = serializers.CharField(help_text="pending, delivered or failed")
    at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(allow_blank=True, help_text="Why it has not arrived")


class OneCertificateSerializer(CertificateSerializer):
    deliveries = serializers.SerializerMethodField(help_text="Whom it was brought to; none of it changes its state")

    @extend_schema_field(CertificateDeliverySerializer(many=True))
    def get_deliveries(self, row: Certificate) -> Any:
        return [CertificateDeliverySerializer(one).data for one in queries.deliveries(row)]


class CertificateViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Certificate]
):
    """Erasure certificates."""

    serializer_class = CertificateSerializer
    filterset_fields = ["state", "type", "tenant_id", "key"]
    ordering_fields = ["serial", "issued_at"]
    queryset = Certificate.objects.none()

    def get_serializer_class(self) -> Any:
        return OneCertificateSerializer if self.action == "retrieve" else CertificateSerializer

    def get_queryset(self) -> Any:
        policy.require_scope(actor_of(self.request), "certificate.view")
        rows = Certificate.objects.visible_to(actor_of(self.request)).order_by("-serial")
        return rows.defer("core", "receipt", "document") if self.action == "list" else rows

    @extend_schema(request=ReasonSerializer, responses=CertificateSerializer)
    @action(detail=True, methods=["post"])
    def revocation(self, request: Request, pk: Any = None) -> Response:
        """Say in public that it no longer stands."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "certificate.revoke", found)
        return Response(self.get_serializer(actions.revoke(found.pk, actor=actor_of(request), **given)).data)

    @extend_schema(request=ReasonSerializer, responses={202: CertificateSerializer})
    @action(detail=True, methods=["post"])
    def reissue(self, request: Request, pk: Any = None) -> Response:
        """Certify the same facts again; answers the new certificate, which is issued in a few seconds."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "certificate.issue", found)
        made = actions.reissue(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=202)

    @extend_schema(responses=FILE, extensions={MORE: [409, 503]})
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, Bytes])
    def document(self, request: Request, pk: Any = None) -> HttpResponse:
        """The certificate as canonical JSON. 409 until it is issued."""
        return self._taken("document")

    @extend_schema(responses=FILE, extensions={MORE: [409, 503]})
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, Bytes])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse:
        """The signed PDF. 409 until it is issued."""
        return self._taken("pdf")

    @extend_schema(responses=FILE, extensions={MORE: [409, 503]})
    @action(detail=True, methods=["get"], renderer_classes=[JSONRenderer, Bytes])
    def evidence(self, request: Request, pk: Any = None) -> HttpResponse:
        """Its evidence archive. 409 until it is issued."""
        return downloads.answer(self.get_object(), "evidence")

    def _taken(self, kind: str) -> HttpResponse:
        """The file, with which it is delivered where it is the tenant's side that takes it."""
        found = self.get_object()
        answer = downloads.answer(found, kind)
        if found.delivered_at is None and queries.is_theirs(found, actor_of(self.request)):
            actions.deliver(found.pk, actor=actor_of(self.request))
        return answer


class SigningKeySerializer(serializers.ModelSerializer[SigningKey]):
    state = serializers.CharField(read_only=True)

    class Meta:
        model = SigningKey
        exclude = ["warned_at"]


class SigningKeyViewSet(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SigningKey]
):
    """The keys that sign certificates: public halves, terms, revocations."""

    serializer_class = SigningKeySerializer
    ordering_fields = ["number"]
    queryset = SigningKey.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "certificate_key.view")
        return SigningKey.objects.order_by("-number")

    @extend_schema(request=ReasonSerializer, responses={201: SigningKeySerializer})
    def create(self, request: Request) -> Response:
        """Rotate: bring the next key into force. What was signed before stays valid."""
        given = asked(request, ReasonSerializer, "certificate_key.rotate")
        return Response(self.get_serializer(keys.rotate(actor=actor_of(request), **given)).data, status=201)

    @extend_schema(request=ReasonSerializer, responses=SigningKeySerializer)
    @action(detail=True, methods=["post"])
    def revocation(self, request: Request, pk: Any = None) -> Response:
        """Trust nothing that this key signs from now on."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "certificate_key.rotate", found)
        return Response(self.get_serializer(keys.revoke(found.pk, actor=actor_of(request), **given)).data)


routes = [
    ("certificates", CertificateViewSet, "certificate"),
    ("certificate-keys", SigningKeyViewSet, "certificate-key"),
]
