"""For migrations: take a table under the ledger."""

from collections.abc import Sequence

from django.db import migrations


def govern(
    table: str,
    *,
    key: str = "id",
    skip: Sequence[str] = (),
    secret: Sequence[str] = (),
    personal: Sequence[str] = (),
    subject: str = "",
    tenant: str = "",
) -> migrations.RunSQL:
    """Capture every change of `table` from now on; its present rows enter as they stand.

    `skip` names columns that are no record (progress, leases), `secret` those whose hash is kept, `personal` those kept
    as a commitment under the key of the person named by column `subject`. `tenant` is the column of the tenant's id.
    Call it again in a later migration whenever the table's columns change.
    """
    label = table.replace("_", ".", 1)
    lists = [list(skip), list(secret), list(personal)]
    call = "CALL audit.govern(%s, %s, %s, %s::text[], %s::text[], %s::text[], %s, %s)"
    return migrations.RunSQL([(call, [table, label, key, *lists, subject, tenant])], migrations.RunSQL.noop)
