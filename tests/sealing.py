"""Seal within a test's own transaction: the real sealer's code over the test's connection.

A test that never commits has its entries below no horizon; here its own transaction is named as safe. Anchors go into
an account of their own, as in production: what is locked stays, and every look at a region's account would ask for it.
"""

import atexit
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC
from functools import cache, partial
from pathlib import Path
from threading import Thread

import time_machine
from django.conf import settings
from django.db import connection
from django.test import override_settings

from portal.audit.sealing import checks
from portal.audit.sealing.anchor import anchor_pending
from portal.audit.sealing.seal import seal
from portal.audit.sealing.settings import keys
from portal.audit.sealing.store import store
from portal.audit.sealing.witness import Witness
from portal.embedded.aws.account import Account, RootKey
from portal.embedded.aws.app import respond
from portal.embedded.aws.transport import build
from portal.lib.ids import new_id


def seal_here() -> None:
    """Seal and anchor every entry this test has written, in a bucket and before a witness of their own."""
    connection.ensure_connection()
    raw = connection.connection
    below = raw.execute("SELECT pg_current_xact_id()::text::bigint + 1").fetchone()[0]
    seal(raw, keys().log, below=below)
    own = f"ledger-{new_id().hex}"
    with override_settings(LEDGER=settings.LEDGER | account()):
        to = replace(store(), bucket=own, is_simulated=True)
    real = time_machine.escape_hatch
    with time_machine.travel(real.datetime.datetime.now(UTC)) if real.is_travelling() else nullcontext():
        to.ensure()
        anchor_pending(raw, to, Witness(keys().witness, keys().policy, settings.LEDGER["witness"] / own))


def look_here() -> None:
    """Hash what is sealed again, and keep the finding."""
    checks.check_leaves(connection.connection)


@cache
def account() -> dict[str, str]:
    """What LEDGER has to say for the account of the anchors, which lives as long as this process."""
    folder, region = tempfile.TemporaryDirectory(prefix="bailiwick-anchors-"), "ap-south-1"
    atexit.register(folder.cleanup)
    key = RootKey("anchors", "only-of-this-process")
    server = build(0, partial(respond, Account(Path(folder.name), region, key)))
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    return {"endpoint": endpoint, "region": region, "key_id": key.access_key_id, "secret": key.secret_access_key}
