"""The record becomes the ledger: a schema of its own that the application has no grant on."""

from pathlib import Path
from typing import Any

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "ledger.sql"
ROLES = ("bw_ledger", "bw_owner", "migrator", "app", "sealer", "reader")
COPY = """
SELECT count(audit.record(verb, object_type, object_id, tenant_id, actor, via, reason, request_id,
                          data || jsonb_build_object('recorded_at', at)))
FROM (SELECT * FROM audit_entry ORDER BY at, id) AS kept
"""


def install(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM unnest(%s::text[]) AS r(rolname) EXCEPT SELECT rolname FROM pg_roles", [list(ROLES)]
        )
        if missing := [name for (name,) in cursor.fetchall()]:
            raise RuntimeError(f"Create the roles {', '.join(missing)} first; deploy/roles.sql does it.")
        cursor.execute("SELECT current_database()")
        cursor.execute(f'GRANT CREATE ON DATABASE "{cursor.fetchone()[0]}" TO bw_ledger')
        cursor.execute("SET LOCAL ROLE bw_ledger")
        cursor.execute(SQL.read_text())
        cursor.execute("RESET ROLE")


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_refuse_changes")]
    operations = [
        migrations.RunPython(install),
        migrations.RunSQL(COPY),
        migrations.DeleteModel("Entry"),
    ]
