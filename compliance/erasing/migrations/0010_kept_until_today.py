"""What a law kept is erased once its day has come, by a request of its own that names what was owed."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from portal.audit.govern import govern

replace_in_check = import_module("compliance.erasing.migrations.0007_synthetic").replace_in_check
HELP = "Of nothing but a part that a law kept: what was owed of it"
RECEIVED = """    IF TG_OP = 'INSERT' THEN
"""
OF_WHAT_IS_OWED = """    IF TG_OP = 'INSERT' THEN
        IF NEW.settles_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM erasing_obligation o JOIN erasing_erasurerequest r ON r.id = o.request_id
            WHERE o.id = NEW.settles_id AND o.part <> '' AND o.state <> 'lapsed' AND r.tenant_id = NEW.tenant_id
              AND r.kind = NEW.kind AND o.due_on <= (now() AT TIME ZONE 'UTC')::date)
        THEN
            RAISE EXCEPTION 'what a law keeps is erased once its day has come' USING ERRCODE = 'check_violation';
        END IF;
"""
FIXED = "NEW.documents, NEW.identity, NEW.authority, NEW.requested_by_id, NEW.received_at)"
FIXED_TOO = "NEW.documents, NEW.identity, NEW.authority, NEW.requested_by_id, NEW.received_at, NEW.settles_id)"
BEFORE, BEFORE_TOO = (one.replace("NEW.", "OLD.") for one in (FIXED, FIXED_TOO))
CHANGES = [(RECEIVED, OF_WHAT_IS_OWED), (FIXED, FIXED_TOO), (BEFORE, BEFORE_TOO)]


class Migration(migrations.Migration):
    dependencies = [("erasing", "0009_owed_parts")]
    operations = [
        migrations.AddField(
            "erasurerequest",
            "settles",
            models.ForeignKey(
                blank=True,
                help_text=HELP,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="erasures",
                to="erasing.obligation",
            ),
        ),
        govern("erasing_erasurerequest", tenant="tenant_id", skip=["alarmed_at_days"]),
        *(migrations.RunSQL(replace_in_check(old, new), replace_in_check(new, old)) for old, new in CHANGES),
    ]
