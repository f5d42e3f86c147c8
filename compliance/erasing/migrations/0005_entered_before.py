"""The erasure ledger has an entry before the first destructive call; a cancelled erasure leaves its figures behind.

Entries from before were made when an erasure was certified: they are `concluded`.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from portal.audit.govern import govern

WORDS = [("begun", "is being erased"), ("called_off", "was cancelled in the middle"), ("concluded", "was erased")]
# Nothing is said to be gone, and nothing completed, of which a restore would not know. What was completed stays so.
RULES = """
CREATE FUNCTION erasing_entered_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erasing_erasureledger WHERE request_id = NEW.request_id) THEN
        RAISE EXCEPTION 'nothing goes before it is entered in the erasure ledger' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_entered_before BEFORE INSERT OR UPDATE OF acknowledged ON erasing_systemrun
    FOR EACH ROW WHEN (NEW.acknowledged > 0) EXECUTE FUNCTION erasing_entered_check();
CREATE FUNCTION erasing_concluded_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.gone_before <> OLD.gone_before THEN
        RAISE EXCEPTION 'what earlier erasures had removed stays as it was counted' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'completed' AND NOT EXISTS (
        SELECT FROM erasing_erasureledger WHERE request_id = NEW.id AND word = 'concluded')
    THEN
        RAISE EXCEPTION 'an erasure is completed once the erasure ledger says so' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER erasing_concluded_before BEFORE UPDATE OF state, gone_before ON erasing_erasurerequest
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.gone_before <> NEW.gone_before)
    EXECUTE FUNCTION erasing_concluded_check();
"""
UNDO = "DROP FUNCTION erasing_entered_check() CASCADE; DROP FUNCTION erasing_concluded_check() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("erasing", "0004_last_look_and_proofs")]
    operations = [
        migrations.AddField(
            "erasurerequest", "gone_before",
            models.JSONField(
                default=list, help_text="Of a whole tenant: what cancelled erasures had removed"
            ),
        ),
        migrations.AddField(
            "erasureledger", "word", models.CharField(choices=WORDS, default="concluded", max_length=10),
            preserve_default=False,
        ),
        migrations.AlterField(
            "erasureledger", "request",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="erasing.erasurerequest"
            ),
        ),
        migrations.AddConstraint(
            "erasureledger",
            models.CheckConstraint(
                name="erasure_ledger_word_known", condition=Q(word__in=["begun", "called_off", "concluded"])
            ),
        ),
        migrations.AddConstraint(
            "erasureledger",
            models.UniqueConstraint(name="erasure_ledger_word_once", fields=["request", "word"]),
        ),
        migrations.RunSQL(RULES, UNDO),
        govern("erasing_erasurerequest", tenant="tenant_id", skip=["alarmed_at_days"]),
        govern("erasing_erasureledger", tenant="tenant_id"),
    ]
