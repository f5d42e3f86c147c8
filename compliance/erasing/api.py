"""REST of erasures: preview, request, its answers by system, what may be done to it; obligations; retention rules."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
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
from portal.lib.api import ByKey, ReasonSerializer, StrictSerializer
from tenants.models import DataClass, Geography

from . import actions, proving, rules
from .intake import MOST_DOCUMENTS
from .models import (
    Basis,
    ErasureRequest,
    Exemption,
    Identity,
    Kind,
    Obligation,
    Passage,
    Recipient,
    RetentionRule,
    SystemRun,
)


def _documents() -> serializers.ListField:
    kept: dict[str, Any] = {"write_only": True, "required": False, "max_length": MOST_DOCUMENTS}
    return serializers.ListField(child=serializers.UUIDField(), **kept)


class ErasureScopeSerializer(StrictSerializer):
    """Whom it is about. `email` is looked up and forgotten; what names a person is never answered and never kept."""

    tenant_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    legal_basis = serializers.ChoiceField(choices=Basis.choices)
    email = serializers.EmailField(required=False, max_length=254, write_only=True)
    user_id = serializers.UUIDField(required=False, allow_null=True, write_only=True)
    document_ids = _documents()


class ErasureInputSerializer(ErasureScopeSerializer):
    identity = serializers.ChoiceField(choices=Identity.choices)
    reason = serializers.CharField(max_length=1000, help_text="Why; kept for good, so it names nobody")


class ContestSerializer(ReasonSerializer):
    """Whom a completed erasure was about, once more: its key is destroyed."""

    user_id = serializers.UUIDField(required=False, allow_null=True, write_only=True)
    document_ids = _documents()


class RecipientInputSerializer(ReasonSerializer):
    name = serializers.CharField(max_length=120)
    how = serializers.CharField(max_length=300)


class SystemRunSerializer(serializers.ModelSerializer[SystemRun]):
    name = serializers.CharField(read_only=True)

    class Meta:
        model = SystemRun
        exclude = ["id", "request"]


class ExemptionSerializer(serializers.ModelSerializer[Exemption]):
    class Meta:
        model = Exemption
        exclude = ["id", "request"]


class ErasureRecipientSerializer(serializers.ModelSerializer[Recipient]):
    class Meta:
        model = Recipient
        exclude = ["id", "request"]


class ErasurePassageSerializer(serializers.ModelSerializer[Passage]):
    class Meta:
        model = Passage
        exclude = ["id", "request"]


class ObligationSerializer(serializers.ModelSerializer[Obligation]):
    reference = serializers.CharField(source="request.__str__", read_only=True)

    class Meta:
        model = Obligation
        exclude = ["alarmed_at_days"]


class ErasureSerializer(serializers.ModelSerializer[ErasureRequest]):
    """One row of the list. `subject` is a pseudonym under a key that is destroyed when the request ends."""

    reference = serializers.CharField(source="__str__", read_only=True)
    tenant_name = serializers.CharField(source="tenant.name", read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True)

    class Meta:
        model = ErasureRequest
        exclude = ["inventory", "justification", "alarmed_at_days"]


class ErasureDetailSerializer(ErasureSerializer):
    systems = SystemRunSerializer(many=True, read_only=True)
    exemptions = ExemptionSerializer(many=True, read_only=True)
    obligations = ObligationSerializer(many=True, read_only=True)
    recipients = ErasureRecipientSerializer(many=True, read_only=True)
    passages = ErasurePassageSerializer(many=True, read_only=True)

    class Meta:
        model = ErasureRequest
        exclude = ["inventory", "alarmed_at_days"]


class ProofInputSerializer(ReasonSerializer):
    """An id that the caller has, and the system whose manifest is to have it."""

    system = serializers.CharField(max_length=72, help_text="As the certificate names it, such as postgres-ap-south-1")
    record_id = serializers.CharField(
        max_length=2000, write_only=True, help_text="As the manifest has it, such as documents:<id>, or a row's bare id"
    )


FILE = {(200, BYTES): OpenApiTypes.BINARY}


class ErasureFilter(ByKey):
    class Meta:
        model = ErasureRequest
        fields = ["tenant", "state", "kind", "legal_basis"]


class Erasures(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ErasureRequest]
):
    """Requests to erase a tenant, a person or documents, and how far each has come."""

    filterset_class = ErasureFilter
    ordering_fields = ["number", "state", "received_at", "due_on"]
    queryset = ErasureRequest.objects.none()

    def get_serializer_class(self) -> Any:
        return ErasureSerializer if self.action == "list" else ErasureDetailSerializer

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        policy.require_scope(actor, "erasure.view")
        rows = ErasureRequest.objects.visible_to(actor).select_related("tenant__business_unit", "requested_by")
        rows = rows.order_by("-number")
        if self.action == "list":
            return rows.defer("inventory", "justification")
        return rows.prefetch_related("systems", "exemptions", "obligations__request", "recipients", "passages")

    @extend_schema(request=ErasureInputSerializer, responses={201: ErasureDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask for an erasure. It is validated at once and waits for two others to sign."""
        given = _scope(asked(request, ErasureInputSerializer, "erasure.request"))
        made = actions.request(given.pop("tenant_id"), actor=actor_of(request), **given)
        return Response(self._shown(made), status=201)

    @extend_schema(request=ErasureScopeSerializer, responses={200: dict})
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """How many records each system holds of it, what a law keeps, and by when it is owed. Stores nothing."""
        given = _scope(asked(request, ErasureScopeSerializer, "erasure.request"))
        return Response(actions.preview(given.pop("tenant_id"), actor=actor_of(request), **given))

    @extend_schema(request=ReasonSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: Any = None) -> Response:
        """End it. What is gone by then stays gone, and is counted."""
        found = self.get_object()
        own = found.requested_by_id == request.user.pk and not found.was_started
        return self._act(found, actions.cancel, request, "erasure.request" if own else "erasure.operate")

    @extend_schema(request=ReasonSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def refusal(self, request: Request, pk: Any = None) -> Response:
        """Refuse one that has not begun."""
        return self._act(self.get_object(), actions.refuse, request, "erasure.refuse")

    @extend_schema(request=ReasonSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def extension(self, request: Request, pk: Any = None) -> Response:
        """Extend its statutory clock, once; whoever asked is told why."""
        return self._act(self.get_object(), actions.extend, request, "erasure.extend")

    @extend_schema(request=ContestSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def objection(self, request: Request, pk: Any = None) -> Response:
        """Object within the clock: a completed one is verified again."""
        return self._act(self.get_object(), actions.contest, request, "erasure.contest", ContestSerializer)

    @extend_schema(request=ReasonSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: Any = None) -> Response:
        """Go on with one that failed or could not be certified."""
        return self._act(self.get_object(), actions.retry, request, "erasure.operate")

    @extend_schema(request=ReasonSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"], url_path="export-waiver")
    def waive_export(self, request: Request, pk: Any = None) -> Response:
        """Give up the return of a whole tenant's data before they are erased."""
        return self._act(self.get_object(), actions.waive_export, request, "erasure.waive_export")

    @extend_schema(request=RecipientInputSerializer, responses=ErasureDetailSerializer)
    @action(detail=True, methods=["post"])
    def recipients(self, request: Request, pk: Any = None) -> Response:
        """Note that a recipient of the data was told (Art. 19)."""
        return self._act(
            self.get_object(), actions.tell_recipient, request, "erasure.operate", RecipientInputSerializer
        )

    @extend_schema(request=ProofInputSerializer, responses=FILE)
    @action(detail=True, methods=["post"], url_path="inclusion-proofs", renderer_classes=[JSONRenderer, Bytes])
    def inclusion_proofs(self, request: Request, pk: Any = None) -> HttpResponse:
        """The file with which `bailiwick-verify certificate --inclusion` proves that one id was erased."""
        found = self.get_object()
        given = asked(request, ProofInputSerializer, "erasure.prove", found)
        return proving.answer(found, proving.prove(found.pk, actor=actor_of(request), **given))

    def _act(
        self, found: ErasureRequest, act: Any, request: Request, verb: str, form: Any = ReasonSerializer
    ) -> Response:
        given = asked(request, form, verb, found)
        act(found.pk, actor=actor_of(request), **given)
        return Response(self._shown(found))

    def _shown(self, one: ErasureRequest) -> Any:
        return ErasureDetailSerializer(self.get_queryset().get(pk=one.pk), context={"request": self.request}).data


def _scope(given: dict[str, Any]) -> dict[str, Any]:
    documents = given.pop("document_ids", [])
    return {**given, "documents": documents}


class ObligationFilter(ByKey):
    class Meta:
        model = Obligation
        fields = ["state", "request", "system"]


class Obligations(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Obligation]
):
    """What finished erasures still owe, by when."""

    serializer_class = ObligationSerializer
    filterset_class = ObligationFilter
    ordering_fields = ["due_on", "state", "system"]
    queryset = Obligation.objects.none()

    def get_queryset(self) -> Any:
        actor = actor_of(self.request)
        policy.require_scope(actor, "erasure.view")
        return Obligation.objects.visible_to(actor).select_related("request__tenant__business_unit").order_by("due_on")

    @extend_schema(request=ReasonSerializer, responses=ObligationSerializer)
    @action(detail=True, methods=["post"])
    def settlement(self, request: Request, pk: Any = None) -> Response:
        """Say that it is done, and how that is known."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "erasure.operate", found)
        actions.settle_obligation(found.pk, actor=actor_of(request), **given)
        return Response(self.get_serializer(self.get_queryset().get(pk=found.pk)).data)

    @extend_schema(request=ReasonSerializer, responses={201: ErasureSerializer})
    @action(detail=True, methods=["post"])
    def erasure(self, request: Request, pk: Any = None) -> Response:
        """Have what a law kept until now erased, that part alone: two others sign, and a supplement follows."""
        found = self.get_object()
        given = asked(request, ReasonSerializer, "erasure.operate", found)
        made = actions.erase_part(found.pk, actor=actor_of(request), **given)
        return Response(ErasureSerializer(made, context=self.get_serializer_context()).data, status=201)


class RetentionRuleSerializer(serializers.ModelSerializer[RetentionRule]):
    class Meta:
        model = RetentionRule
        exclude = ["reviewed_on"]


class RetentionRuleChangeSerializer(ReasonSerializer):
    title = serializers.CharField(max_length=120, required=False)
    statute = serializers.CharField(max_length=120, required=False)
    category = serializers.RegexField(r"^[a-z][a-z0-9_]*$", max_length=80, required=False)
    system = serializers.CharField(max_length=40, required=False, allow_blank=True)
    part = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="A table of postgres, a prefix of objects (users/*/invoices/), a group (/audit) or streams (audit/) "
        "of logs",
    )
    geography = serializers.ChoiceField(choices=Geography.choices, required=False, allow_blank=True)
    data_class = serializers.ChoiceField(choices=DataClass.choices, required=False, allow_blank=True)
    days = serializers.IntegerField(min_value=1, max_value=36_600, required=False)
    ground = serializers.CharField(max_length=300, required=False)
    review_on = serializers.DateField(required=False)
    is_active = serializers.BooleanField(required=False)


class RetentionRuleInputSerializer(RetentionRuleChangeSerializer):
    code = serializers.RegexField(r"^[A-Z][A-Z0-9-]{1,15}$", max_length=16)
    title = serializers.CharField(max_length=120)
    statute = serializers.CharField(max_length=120)
    category = serializers.RegexField(r"^[a-z][a-z0-9_]*$", max_length=80)
    days = serializers.IntegerField(min_value=1, max_value=36_600)
    ground = serializers.CharField(max_length=300)
    review_on = serializers.DateField()


class RetentionRules(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RetentionRule]
):
    """What must be kept, by which statute, for how long."""

    serializer_class = RetentionRuleSerializer
    filterset_fields = ["category", "system", "is_active"]
    ordering_fields = ["code", "days", "review_on"]
    queryset = RetentionRule.objects.none()

    def get_queryset(self) -> Any:
        policy.require(actor_of(self.request), "retention_rule.view")
        return RetentionRule.objects.order_by("code")

    @extend_schema(request=RetentionRuleInputSerializer, responses={201: RetentionRuleSerializer})
    def create(self, request: Request) -> Response:
        given = asked(request, RetentionRuleInputSerializer, "retention_rule.edit")
        made = rules.add_rule(given.pop("code"), actor=actor_of(request), **given)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(request=RetentionRuleChangeSerializer, responses=RetentionRuleSerializer)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        found = self.get_object()
        given = asked(request, RetentionRuleChangeSerializer, "retention_rule.edit", found)
        return Response(self.get_serializer(rules.edit_rule(found.pk, actor=actor_of(request), **given)).data)


routes = [
    ("erasure-requests", Erasures, "erasure-request"),
    ("obligations", Obligations, "obligation"),
    ("retention-rules", RetentionRules, "retention-rule"),
]
