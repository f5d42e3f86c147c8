"""Seal within a test's own transaction: the real sealer's code over the test's connection.

A test that never commits has its entries below no horizon; here its own transaction is named as safe.
"""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC

import time_machine
from django.conf import settings
from django.db import connection

from portal.audit.sealing import checks
from portal.audit.sealing.anchor import anchor_pending
from portal.audit.sealing.seal import seal
from portal.audit.sealing.settings import keys
from portal.audit.sealing.store import store
from portal.audit.sealing.witness import Witness
from portal.lib.ids import new_id


def seal_here() -> None:
    """Seal and anchor every entry this test has written, in a bucket and before a witness of their own."""
    connection.ensure_connection()
    raw = connection.connection
    below = raw.execute("SELECT pg_current_xact_id()::text::bigint + 1").fetchone()[0]
    seal(raw, keys().log, below=below)
    own = f"ledger-{new_id().hex}"
    to = replace(store(), bucket=own)
    real = time_machine.escape_hatch
    with time_machine.travel(real.datetime.datetime.now(UTC)) if real.is_travelling() else nullcontext():
        to.ensure()
        anchor_pending(raw, to, Witness(keys().witness, keys().policy, settings.LEDGER["witness"] / own))


def look_here() -> None:
    """Hash what is sealed again, and keep the finding."""
    checks.check_leaves(connection.connection)
