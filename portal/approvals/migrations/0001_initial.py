import django.db.models.deletion
import django_fsm
import portal.lib.clock
import portal.lib.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="Case",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=64)),
                ("title", models.CharField(max_length=200)),
                ("subject_type", models.CharField(max_length=64)),
                ("subject_id", models.CharField(max_length=64)),
                ("business_unit", models.CharField(blank=True, max_length=64)),
                ("tenant_id", models.UUIDField(null=True)),
                (
                    "amount_inr",
                    models.DecimalField(decimal_places=2, help_text="Empty: not known", max_digits=16, null=True),
                ),
                ("aggregation_key", models.CharField(blank=True, max_length=128)),
                ("aggregated_inr", models.DecimalField(decimal_places=2, max_digits=20, null=True)),
                ("aggregated_with", models.JSONField(default=list, help_text="The other cases counted in")),
                ("facts", models.JSONField(default=dict)),
                ("snapshot", models.JSONField(default=dict, help_text="What the approver sees: cost, plan, verdicts")),
                ("digest", models.CharField(max_length=128)),
                ("opened_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("open", "Waiting for signatures"),
                            ("signed", "Signed, taking effect"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("voided", "Voided"),
                        ],
                        default="open",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("blocked_reason", models.CharField(blank=True, help_text="Why nobody can move it on", max_length=300)),
                ("signed_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_reason", models.CharField(blank=True, max_length=1000)),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval_cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at"],
                "indexes": [
                    models.Index(fields=["state", "expires_at"], name="approvals_c_state_ac8995_idx"),
                    models.Index(fields=["aggregation_key", "opened_at"], name="approvals_c_aggrega_ea241f_idx"),
                    models.Index(fields=["subject_type", "subject_id"], name="approvals_c_subject_7f22df_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["open", "signed"])),
                        fields=("kind", "subject_type", "subject_id"),
                        name="approval_one_live_case_per_subject",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("digest", ""), _negated=True), name="approval_case_has_digest"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_inr", None), ("amount_inr__gte", 0), _connector="OR"),
                        name="approval_case_amount_not_negative",
                    ),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("platform_admin", "Platform administrator"),
                            ("platform_engineer", "Platform engineer"),
                            ("tenant_admin", "Tenant administrator"),
                            ("tenant_viewer", "Tenant viewer"),
                            ("cfo", "Chief Financial Officer"),
                            ("cco", "Chief Compliance Officer"),
                            ("legal", "Legal counsel"),
                            ("cto", "Chief Technology Officer"),
                            ("compliance_officer", "Compliance officer"),
                            ("auditor", "Auditor"),
                            ("service", "Service"),
                        ],
                        max_length=32,
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                (
                    "delegate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_held",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "delegator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_given",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-valid_from"],
                "indexes": [
                    models.Index(fields=["delegate", "role", "valid_until"], name="approvals_d_delegat_12a2ce_idx")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("delegator", models.F("delegate")), _negated=True),
                        name="delegation_to_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("valid_until__gt", models.F("valid_from"))),
                        name="delegation_dates_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("valid_from__gte", models.F("created_at"))),
                        name="delegation_not_retroactive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Question",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("text", models.CharField(max_length=2000)),
                ("asked_at", models.DateTimeField(default=portal.lib.clock.now)),
                ("answer", models.CharField(blank=True, max_length=2000)),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "answered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval_answers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval_questions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="questions", to="approvals.case"
                    ),
                ),
            ],
            options={
                "ordering": ["asked_at"],
            },
        ),
        migrations.CreateModel(
            name="Requirement",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("rule_id", models.CharField(max_length=32)),
                ("rule_version", models.PositiveIntegerField()),
                ("rule_title", models.CharField(max_length=200)),
                ("rules", models.JSONField(default=list, help_text="Every rule that asked for this role, as it was")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("platform_admin", "Platform administrator"),
                            ("platform_engineer", "Platform engineer"),
                            ("tenant_admin", "Tenant administrator"),
                            ("tenant_viewer", "Tenant viewer"),
                            ("cfo", "Chief Financial Officer"),
                            ("cco", "Chief Compliance Officer"),
                            ("legal", "Legal counsel"),
                            ("cto", "Chief Technology Officer"),
                            ("compliance_officer", "Compliance officer"),
                            ("auditor", "Auditor"),
                            ("service", "Service"),
                        ],
                        max_length=32,
                    ),
                ),
                ("order", models.PositiveSmallIntegerField()),
                ("quorum", models.PositiveSmallIntegerField()),
                ("sla_hours", models.PositiveIntegerField()),
                (
                    "escalate_to",
                    models.CharField(
                        choices=[
                            ("platform_admin", "Platform administrator"),
                            ("platform_engineer", "Platform engineer"),
                            ("tenant_admin", "Tenant administrator"),
                            ("tenant_viewer", "Tenant viewer"),
                            ("cfo", "Chief Financial Officer"),
                            ("cco", "Chief Compliance Officer"),
                            ("legal", "Legal counsel"),
                            ("cto", "Chief Technology Officer"),
                            ("compliance_officer", "Compliance officer"),
                            ("auditor", "Auditor"),
                            ("service", "Service"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "state",
                    django_fsm.FSMField(
                        choices=[
                            ("waiting", "Next"),
                            ("open", "Waiting"),
                            ("met", "Signed"),
                            ("waived", "Waived"),
                            ("blocked", "Blocked"),
                        ],
                        default="waiting",
                        max_length=50,
                        protected=True,
                    ),
                ),
                ("blocked_reason", models.CharField(blank=True, max_length=300)),
                ("opened_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("escalated_at", models.DateTimeField(null=True)),
                ("met_at", models.DateTimeField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="requirements", to="approvals.case"
                    ),
                ),
            ],
            options={
                "ordering": ["order", "role"],
                "indexes": [models.Index(fields=["state", "role"], name="approvals_r_state_514388_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waived"), _negated=True),
                        fields=("case", "role"),
                        name="approval_one_requirement_per_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quorum__gte", 1)), name="approval_requirement_quorum_positive"
                    ),
                ],
            },
            bases=(django_fsm.FSMModelMixin, models.Model),
        ),
        migrations.CreateModel(
            name="Rule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("rule_id", models.CharField(help_text="Stable name, such as APR-002", max_length=32)),
                ("version", models.PositiveIntegerField(default=1)),
                ("title", models.CharField(max_length=200)),
                ("case_kind", models.CharField(help_text="Kind of case, such as tenant_request", max_length=64)),
                (
                    "condition",
                    models.JSONField(blank=True, default=dict, help_text="All parts must hold; empty means always"),
                ),
                (
                    "effect",
                    models.CharField(
                        choices=[("require", "asks for a signature"), ("waive", "waives a signature")],
                        default="require",
                        max_length=8,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("platform_admin", "Platform administrator"),
                            ("platform_engineer", "Platform engineer"),
                            ("tenant_admin", "Tenant administrator"),
                            ("tenant_viewer", "Tenant viewer"),
                            ("cfo", "Chief Financial Officer"),
                            ("cco", "Chief Compliance Officer"),
                            ("legal", "Legal counsel"),
                            ("cto", "Chief Technology Officer"),
                            ("compliance_officer", "Compliance officer"),
                            ("auditor", "Auditor"),
                            ("service", "Service"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "waives",
                    models.JSONField(blank=True, default=list, help_text="For a waiver: the rules it sets aside"),
                ),
                (
                    "order",
                    models.PositiveSmallIntegerField(
                        default=1, help_text="Lower signs first; equal orders sign together"
                    ),
                ),
                ("quorum", models.PositiveSmallIntegerField(default=1, help_text="How many different people sign")),
                ("sla_hours", models.PositiveIntegerField(default=48)),
                (
                    "expires_after_hours",
                    models.PositiveIntegerField(default=336, help_text="The longest of a case's rules counts"),
                ),
                (
                    "escalate_to",
                    models.CharField(
                        choices=[
                            ("platform_admin", "Platform administrator"),
                            ("platform_engineer", "Platform engineer"),
                            ("tenant_admin", "Tenant administrator"),
                            ("tenant_viewer", "Tenant viewer"),
                            ("cfo", "Chief Financial Officer"),
                            ("cco", "Chief Compliance Officer"),
                            ("legal", "Legal counsel"),
                            ("cto", "Chief Technology Officer"),
                            ("compliance_officer", "Compliance officer"),
                            ("auditor", "Auditor"),
                            ("service", "Service"),
                        ],
                        default="platform_admin",
                        max_length=32,
                    ),
                ),
                ("effective_from", models.DateTimeField(default=portal.lib.clock.now)),
                ("effective_until", models.DateTimeField(blank=True, null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("created_by", models.CharField(editable=False, max_length=64)),
                ("created_at", models.DateTimeField(default=portal.lib.clock.now, editable=False)),
                ("reason", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ["rule_id", "-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("rule_id", "version"), name="approval_rule_version_once"),
                    models.CheckConstraint(
                        condition=models.Q(("quorum__gte", 1)), name="approval_rule_quorum_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sla_hours__gte", 1)), name="approval_rule_clock_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_after_hours__gte", models.F("sla_hours"))),
                        name="approval_rule_expires_after_sla",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("effect", "waive"), models.Q(("waives", []), _negated=True)),
                            models.Q(("effect", "require"), ("waives", [])),
                            _connector="OR",
                        ),
                        name="approval_rule_waiver_names_rules",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portal.lib.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("decision", models.CharField(choices=[("sign", "signed"), ("reject", "rejected")], max_length=8)),
                ("reason", models.CharField(max_length=1000)),
                ("digest", models.CharField(max_length=128)),
                ("at", models.DateTimeField(default=portal.lib.clock.now)),
                ("via", models.CharField(max_length=16)),
                ("reauthenticated_at", models.DateTimeField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="signatures", to="approvals.case"
                    ),
                ),
                (
                    "delegation",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, to="approvals.delegation"
                    ),
                ),
                (
                    "on_behalf_of",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures_by_delegate",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "requirement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to="approvals.requirement",
                    ),
                ),
                (
                    "signer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["at"],
                "constraints": [
                    models.UniqueConstraint(fields=("case", "signer"), name="approval_one_signature_per_person"),
                    models.UniqueConstraint(fields=("case", "on_behalf_of"), name="approval_one_signature_on_behalf"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("delegation", None), ("on_behalf_of", None)),
                            models.Q(("delegation__isnull", False), ("on_behalf_of__isnull", False)),
                            _connector="OR",
                        ),
                        name="approval_delegated_signature_names_both",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("signer", models.F("on_behalf_of")), _negated=True),
                        name="approval_signature_not_for_oneself",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("via__in", ["session", "jwt"])), name="approval_signature_by_a_person"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="approval_signature_has_reason"
                    ),
                ],
            },
        ),
    ]
