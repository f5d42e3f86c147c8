"""Erasures of made-up persons: named so in the request and in the ledger, and scheduled under rules of their own."""

from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

BASES = [
    ("gdpr-17", "GDPR Art. 17, a person's right to erasure"),
    ("gdpr-28-3-g", "GDPR Art. 28(3)(g), end of the service"),
    ("ccpa-1798-105", "CCPA § 1798.105, a consumer's right to deletion"),
    ("dpdp-12", "DPDP Act s. 12, a person's right to erasure"),
    ("contract", "the contract"),
    ("synthetic", "none: a made-up person, to try the machine"),
]
IDENTITIES = [
    ("signed_in", "signed in to their own account"),
    ("document", "an identity document was seen"),
    ("called_back", "called back on a known number"),
    ("party", "a party to the contract, acting for itself"),
    ("synthetic", "nobody: the person is made up"),
]


def replace_in_check(old: str, new: str) -> str:
    """SQL that changes one piece of the machine's trigger and leaves the rest of its text as it was."""
    return f"""
DO $do$
DECLARE
    was  constant text := pg_get_functiondef('erasing_request_check()'::regprocedure);
    is_  constant text := replace(was, $old${old}$old$, $new${new}$new$);
BEGIN
    IF was = is_ THEN
        RAISE EXCEPTION 'the check of an erasure is not the one that this migration changes';
    END IF;
    EXECUTE is_;
END
$do$;
"""


OLD = "s.on_behalf_of_id IS DISTINCT FROM NEW.requested_by_id) < 2"
NEW = """s.on_behalf_of_id IS DISTINCT FROM NEW.requested_by_id)
          < (CASE NEW.legal_basis WHEN 'synthetic' THEN 0 ELSE 2 END)
       OR NEW.state = 'scheduled' AND OLD.state = 'awaiting_approval' AND NOT EXISTS (
        SELECT FROM approvals_case c WHERE c.id = NEW.case_id AND c.state = 'approved'
          AND c.subject_id = NEW.id::text AND c.digest = NEW.digest
          AND (c.kind = 'erasure.synthetic') = (NEW.legal_basis = 'synthetic'))"""


class Migration(migrations.Migration):
    dependencies = [("erasing", "0006_looking_together")]
    operations = [
        migrations.AlterField("erasurerequest", "legal_basis", models.CharField(choices=BASES, max_length=16)),
        migrations.AlterField("erasurerequest", "identity", models.CharField(choices=IDENTITIES, max_length=12)),
        migrations.RemoveConstraint("erasurerequest", "erasure_basis_known"),
        migrations.AddConstraint(
            "erasurerequest",
            models.CheckConstraint(
                name="erasure_basis_known", condition=Q(legal_basis__in=[word for word, _title in BASES])
            ),
        ),
        migrations.AddConstraint(
            "erasurerequest",
            models.CheckConstraint(
                name="erasure_synthetic_of_nobody",
                condition=Q(legal_basis="synthetic", identity="synthetic", kind="person")
                | ~Q(legal_basis="synthetic") & ~Q(identity="synthetic"),
            ),
        ),
        migrations.AddField(
            "erasureledger",
            "is_synthetic",
            models.BooleanField(default=False, help_text="Of a made-up person, to try the machine"),
        ),
        govern("erasing_erasureledger", tenant="tenant_id"),
        migrations.RunSQL(replace_in_check(OLD, NEW), replace_in_check(NEW, OLD)),
    ]
