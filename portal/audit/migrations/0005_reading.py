"""What auditors look by, and the months in which entries lie."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql" / "reading.sql"


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_views")]
    operations = [migrations.RunSQL(f"SET LOCAL ROLE bw_ledger; {SQL.read_text()}; RESET ROLE", migrations.RunSQL.noop)]
