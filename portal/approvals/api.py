"""REST of approvals: `approvals`, `delegations`, `approval-rules`. Doors check shape; actions decide."""

from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access import policy, reauthentication
from portal.access.actor import actor_of
from portal.access.asking import asked, checked
from portal.access.idempotency import IdempotentMixin
from portal.access.models import Role, User
from portal.audit.evidence import entry_of
from portal.audit.receipts import BYTES, Bytes, receipt_answer
from portal.lib.api import StrictSerializer
from portal.lib.errors import Absent
from portal.lib.openapi import MORE

from . import actions, authority, queries
from .conditions import in_words
from .models import Case, Delegation, Rule

EDIT = "approval_rule.edit"
REASON: dict[str, Any] = {"max_length": 1000, "help_text": "Why. Kept in the record."}


class CaseSerializer(serializers.ModelSerializer[Case]):
    """A case as a row of a list."""

    requested_by_name = serializers.CharField(source="requested_by.display_name", read_only=True)
    is_blocked = serializers.BooleanField(read_only=True)

    class Meta:
        model = Case
        fields = (
            "id",
            "kind",
            "title",
            "state",
            "subject_type",
            "subject_id",
            "business_unit",
            "tenant_id",
            "amount_inr",
            "period",
            "aggregated_inr",
            "requested_by",
            "requested_by_name",
            "opened_at",
            "expires_at",
            "decided_at",
            "decided_reason",
            "is_blocked",
            "blocked_reason",
            "digest",
            "url",
        )
        read_only_fields = fields


class SignedSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    on_behalf_of = serializers.CharField()
    decision = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class RequirementSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="requirement.id")
    role = serializers.CharField(source="requirement.role")
    role_name = serializers.CharField(source="role")
    state = serializers.CharField()
    order = serializers.IntegerField(source="requirement.order")
    quorum = serializers.IntegerField(source="requirement.quorum")
    due_at = serializers.DateTimeField(source="requirement.due_at")
    escalated_at = serializers.DateTimeField(source="requirement.escalated_at")
    blocked_reason = serializers.CharField(source="requirement.blocked_reason")
    rules = serializers.JSONField()
    signed = SignedSerializer(many=True)
    who = serializers.ListField(child=serializers.CharField(), help_text="Who could still sign")


class DecisionSerializer(serializers.Serializer[Any]):
    can_sign = serializers.BooleanField()
    role = serializers.CharField()
    acts_for = serializers.CharField()
    needs_password = serializers.BooleanField()
    why_not = serializers.CharField()
    code = serializers.CharField()


class QuestionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    asked_by = serializers.CharField(source="asked_by.display_name")
    text = serializers.CharField()
    asked_at = serializers.DateTimeField()
    answer = serializers.CharField()
    answered_at = serializers.DateTimeField()


class CaseDetailSerializer(CaseSerializer):
    """A case with everything an approver decides by. Built from a `CasePage`."""

    facts = serializers.JSONField(read_only=True)
    snapshot = serializers.JSONField(read_only=True)
    sentence = serializers.SerializerMethodField()
    requirements = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()
    questions = serializers.SerializerMethodField()

    class Meta(CaseSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *CaseSerializer.Meta.fields,
            "aggregated_with",
            "facts",
            "snapshot",
            "sentence",
            "requirements",
            "decision",
            "questions",
        )
        read_only_fields = fields  # type: ignore[assignment]

    @property
    def page(self) -> queries.CasePage:
        found: queries.CasePage = self.context["page"]
        return found

    def get_sentence(self, case: Case) -> str:
        return self.page.sentence

    @extend_schema(responses=RequirementSerializer(many=True))
    def get_requirements(self, case: Case) -> Any:
        return RequirementSerializer(self.page.rows, many=True).data

    @extend_schema(responses=DecisionSerializer)
    def get_decision(self, case: Case) -> Any:
        return DecisionSerializer(self.page.decision).data

    @extend_schema(responses=QuestionSerializer(many=True))
    def get_questions(self, case: Case) -> Any:
        return QuestionSerializer(self.page.questions, many=True).data


class SignSerializer(StrictSerializer):
    reason = serializers.CharField(**REASON)
    digest = serializers.CharField(max_length=128, help_text="The digest of what was read")
    role = serializers.ChoiceField(Role.choices, required=False, help_text="When one could fill more than one role")
    password = serializers.CharField(max_length=1024, trim_whitespace=False, required=False, write_only=True)


class RejectSerializer(StrictSerializer):
    reason = serializers.CharField(**REASON)
    digest = serializers.CharField(max_length=128, required=False)
    role = serializers.ChoiceField(Role.choices, required=False)


class TextSerializer(StrictSerializer):
    text = serializers.CharField(max_length=2000)


class CaseReasonSerializer(StrictSerializer):
    reason = serializers.CharField(**REASON)


class CaseFilter(django_filters.FilterSet):  # type: ignore[misc]
    state = django_filters.ChoiceFilter(choices=Case.State.choices)
    kind = django_filters.CharFilter()
    business_unit = django_filters.CharFilter()
    tenant_id = django_filters.UUIDFilter()
    subject_id = django_filters.CharFilter()
    waiting_for_me = django_filters.BooleanFilter(method="only_waiting")

    class Meta:
        model = Case
        fields = ("state", "kind", "business_unit", "tenant_id", "subject_id")

    def only_waiting(self, found: QuerySet[Case], name: str, value: bool) -> QuerySet[Case]:
        waiting = queries.waiting_for(actor_of(self.request)).order_by().values("pk")
        return found.filter(pk__in=waiting) if value else found.exclude(pk__in=waiting)


class Approvals(IdempotentMixin, viewsets.ReadOnlyModelViewSet[Case]):
    """Approval cases, and what one can do with them."""

    queryset = Case.objects.none()
    serializer_class = CaseSerializer
    filterset_class = CaseFilter
    ordering_fields = ("opened_at", "expires_at", "amount_inr", "state")
    search_fields = ("title", "business_unit")

    def get_queryset(self) -> QuerySet[Case]:
        actor = actor_of(self.request)
        policy.require(actor, "approval.view")
        return Case.objects.visible_to(actor).select_related("requested_by__person")

    def case(self) -> Case:
        return queries.find(_uuid(self.kwargs["pk"]), actor_of(self.request))

    def shown(self, case: Case, status: int = 200) -> Response:
        page = queries.case_page(case, actor_of(self.request))
        return Response(CaseDetailSerializer(case, context={"page": page}).data, status=status)

    @extend_schema(responses=CaseDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        case = self.case()
        self.check_object_permissions(request, case)
        return self.shown(case)

    @extend_schema(responses={(200, BYTES): OpenApiTypes.BINARY}, extensions={MORE: [409]})
    @action(detail=True, renderer_classes=[JSONRenderer, Bytes])
    def receipt(self, request: Request, pk: str = "") -> HttpResponse:
        """Proof that the signatures lie in the ledger, as a `.tlog-proof`. 409 until they are anchored."""
        return receipt_answer(entry_of(self.case().intent))

    @extend_schema(request=SignSerializer, responses={201: CaseDetailSerializer})
    @action(detail=True, methods=["post"])
    def signatures(self, request: Request, pk: str = "") -> Response:
        """Sign, for exactly the content whose digest is given."""
        case, given = self._asked(request, SignSerializer)
        proved_at = reauthentication.proof(request, given.pop("password", None))
        actions.sign(case.pk, actor=actor_of(request), reauthenticated_at=proved_at, **given)
        return self.shown(self.case(), 201)

    @extend_schema(request=RejectSerializer, responses={201: CaseDetailSerializer})
    @action(detail=True, methods=["post"])
    def rejections(self, request: Request, pk: str = "") -> Response:
        """Refuse. One refusal ends the case."""
        case, given = self._asked(request, RejectSerializer)
        actions.reject(case.pk, actor=actor_of(request), **given)
        return self.shown(self.case(), 201)

    @extend_schema(request=TextSerializer, responses={201: CaseDetailSerializer})
    @action(detail=True, methods=["post"])
    def questions(self, request: Request, pk: str = "") -> Response:
        """Ask the requester."""
        case, given = self._asked(request, TextSerializer)
        actions.ask(case.pk, actor=actor_of(request), **given)
        return self.shown(self.case(), 201)

    @extend_schema(request=TextSerializer, responses={201: CaseDetailSerializer})
    @action(detail=True, methods=["post"], url_path="questions/(?P<question>[0-9a-f-]+)/answer")
    def answer(self, request: Request, pk: str = "", question: str = "") -> Response:
        """Answer a question."""
        case = self.case()
        if not case.questions.filter(pk=_uuid(question)).exists():
            raise Absent("There is no such question.")
        authority.may_answer(actor_of(request), case)
        given = checked(request, TextSerializer)
        actions.answer(question, actor=actor_of(request), **given)
        return self.shown(self.case(), 201)

    @extend_schema(request=CaseReasonSerializer, responses={201: CaseDetailSerializer})
    @action(detail=True, methods=["post"])
    def cancellation(self, request: Request, pk: str = "") -> Response:
        """Withdraw the case."""
        case = self.case()
        authority.may_withdraw(actor_of(request), case)
        given = checked(request, CaseReasonSerializer)
        actions.cancel_case(case.pk, actor=actor_of(request), **given)
        return self.shown(self.case(), 201)

    def _asked(self, request: Request, form: type[StrictSerializer]) -> tuple[Case, dict[str, Any]]:
        """A signer's verb needs a signing role somewhere; whether it may be used here says the action."""
        case = self.case()
        return case, asked(request, form, "approval.sign")


def _uuid(text: str) -> str:
    """Return a usable primary key, or raise Absent: a malformed id names nothing."""
    try:
        return str(Case._meta.pk.to_python(text))
    except ValidationError:
        raise Absent("There is no such approval case.") from None


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    delegator_name = serializers.CharField(source="delegator.display_name", read_only=True)
    delegate_name = serializers.CharField(source="delegate.display_name", read_only=True)

    class Meta:
        model = Delegation
        fields = (
            "id",
            "delegator",
            "delegator_name",
            "delegate",
            "delegate_name",
            "role",
            "valid_from",
            "valid_until",
            "revoked_at",
            "reason",
            "created_at",
        )
        read_only_fields = fields


class DelegateSerializer(StrictSerializer):
    delegate = serializers.PrimaryKeyRelatedField(queryset=User.objects.all())
    role = serializers.ChoiceField(Role.choices)
    valid_from = serializers.DateTimeField(required=False, help_text="Default: now")
    valid_until = serializers.DateTimeField()
    reason = serializers.CharField(max_length=500)


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    display_name = serializers.CharField()


class Delegations(
    IdempotentMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delegation]
):
    """Who signs for whom, and between which dates."""

    queryset = Delegation.objects.none()
    serializer_class = DelegationSerializer
    filterset_fields = ("role", "delegator", "delegate")
    ordering_fields = ("valid_from", "valid_until")

    def get_queryset(self) -> QuerySet[Delegation]:
        policy.require(actor_of(self.request), "approval.view")
        found: QuerySet[Delegation] = queries.delegations_of(actor_of(self.request))
        return found

    @extend_schema(request=DelegateSerializer, responses={201: DelegationSerializer})
    def create(self, request: Request) -> Response:
        row = actions.delegate(actor=actor_of(request), **asked(request, DelegateSerializer, "approval.delegate"))
        return Response(DelegationSerializer(row).data, status=201)

    @extend_schema(request=CaseReasonSerializer, responses={201: DelegationSerializer})
    @action(detail=True, methods=["post"])
    def revocation(self, request: Request, pk: str = "") -> Response:
        """End it now."""
        row = self.get_object()
        authority.may_end(actor_of(request), row)
        row = actions.revoke_delegation(row.pk, actor=actor_of(request), **checked(request, CaseReasonSerializer))
        return Response(DelegationSerializer(row).data, status=201)

    @extend_schema(responses=PersonSerializer(many=True), filters=False)
    @action(detail=False, url_path="candidates/(?P<role>[a-z_]+)", pagination_class=None, filter_backends=[])
    def candidates(self, request: Request, role: str = "") -> Response:
        """The people one could let sign in a role."""
        policy.require(actor_of(request), "approval.delegate")
        return Response(PersonSerializer(queries.possible_delegates(actor_of(request), role), many=True).data)


class RuleSerializer(serializers.ModelSerializer[Rule]):
    in_words = serializers.SerializerMethodField()

    class Meta:
        model = Rule
        exclude = ("created_by",)

    def get_in_words(self, rule: Rule) -> str:
        return in_words(rule.condition)


class RuleEditSerializer(StrictSerializer):
    reason = serializers.CharField(**REASON)
    title = serializers.CharField(max_length=200, required=False)
    case_kind = serializers.CharField(max_length=64, required=False)
    condition = serializers.JSONField(required=False)
    effect = serializers.ChoiceField(Rule.Effect.choices, required=False)
    role = serializers.ChoiceField(Role.choices, required=False)
    waives = serializers.ListField(child=serializers.CharField(max_length=32), required=False)
    order = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    quorum = serializers.IntegerField(min_value=1, max_value=20, required=False)
    sla_hours = serializers.IntegerField(min_value=1, max_value=8784, required=False)
    expires_after_hours = serializers.IntegerField(min_value=1, max_value=8784, required=False)
    escalate_to = serializers.ChoiceField(Role.choices, required=False)
    effective_from = serializers.DateTimeField(required=False)
    effective_until = serializers.DateTimeField(required=False, allow_null=True)


class RuleNewSerializer(RuleEditSerializer):
    rule_id = serializers.RegexField(r"^[A-Z]{2,8}-[0-9]{1,6}$", help_text="Such as APR-010")
    title = serializers.CharField(max_length=200)
    case_kind = serializers.CharField(max_length=64)
    role = serializers.ChoiceField(Role.choices)


class Rules(IdempotentMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Rule]):
    """Approval rules, every version. An edit writes the next version; open cases keep theirs."""

    queryset = Rule.objects.none()
    serializer_class = RuleSerializer
    filterset_fields = ("rule_id", "case_kind", "role", "is_active")
    ordering_fields = ("rule_id", "version", "effective_from")
    lookup_field = "rule_id"
    lookup_value_regex = "[A-Za-z0-9-]{1,32}"

    def get_queryset(self) -> QuerySet[Rule]:
        policy.require(actor_of(self.request), "approval_rule.view")
        return Rule.objects.all()

    def newest(self, rule_id: str) -> Rule:
        rule = self.get_queryset().filter(rule_id=rule_id).order_by("-version").first()
        if rule is None:
            raise Absent(f"There is no rule {rule_id}.")
        return rule

    def retrieve(self, request: Request, rule_id: str = "") -> Response:
        """The newest version."""
        rule = self.newest(rule_id)
        self.check_object_permissions(request, rule)
        return Response(RuleSerializer(rule).data)

    @extend_schema(request=RuleNewSerializer, responses={201: RuleSerializer})
    def create(self, request: Request) -> Response:
        rule = actions.create_rule(actor=actor_of(request), **asked(request, RuleNewSerializer, EDIT))
        return Response(RuleSerializer(rule).data, status=201)

    @extend_schema(request=RuleEditSerializer, responses=RuleSerializer)
    def partial_update(self, request: Request, rule_id: str = "") -> Response:
        """Write the next version with these fields changed."""
        self.newest(rule_id)
        rule = actions.edit_rule(rule_id, actor=actor_of(request), **asked(request, RuleEditSerializer, EDIT))
        return Response(RuleSerializer(rule).data)

    @extend_schema(request=CaseReasonSerializer, responses={201: RuleSerializer})
    @action(detail=True, methods=["post"])
    def retirement(self, request: Request, rule_id: str = "") -> Response:
        """End the rule now."""
        self.newest(rule_id)
        rule = actions.retire_rule(rule_id, actor=actor_of(request), **asked(request, CaseReasonSerializer, EDIT))
        return Response(RuleSerializer(rule).data, status=201)


routes = [
    ("approvals", Approvals, "approval"),
    ("delegations", Delegations, "delegation"),
    ("approval-rules", Rules, "approval-rule"),
]
