"""The sealer's loop: seal every second or when somebody waits for it, anchor, and look into things on schedule."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import structlog
from bailiwick_proof.errors import Unproven
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from portal.audit.actions import SEAL

from . import checks
from . import settings as own
from .anchor import Behind, anchor_pending, require_not_behind
from .seal import AT_ONCE, Foreign, Sealed, seal
from .store import Overwritten, Store, store
from .witness import Witness

log = structlog.get_logger(__name__)
DISPATCHER = "bailiwick_dispatch"
EVERY = 1.0
LAG = 10.0
RETRY = 1.0
SCHEDULE = {"copies": 600.0, "leaves": 86_400.0, "replay": 86_400.0}
LAG_NOW = "SELECT seal_lag, anchor_lag FROM audit.lag()"
AGE = "SELECT extract(epoch FROM clock_timestamp() - max(at))::float FROM ledger.finding WHERE kind = %s"
UNTRUE = (Behind, Foreign, Overwritten, Unproven)


class Sealer:
    """One sealer over one database connection."""

    def __init__(self, db: psycopg.Connection, to: Store | None = None) -> None:
        self.db = db
        self.keys = own.keys()
        self.store = to or store()
        self.witness = Witness(self.keys.witness, self.keys.policy, Path(settings.LEDGER["witness"]))
        self.is_sure = False

    def round(self) -> list[Sealed]:
        """Seal what is committed, then anchor what is sealed; returns the new checkpoints.

        Raises one of UNTRUE when the database, the store and the witness do not tell the same story: then nothing is
        sealed until a person has looked.
        """
        if not self.is_sure:
            self.store.ensure()
            require_not_behind(self.db, self.store)
            self.is_sure = True
        done = []
        while (one := seal(self.db, self.keys.log)) is not None:
            done.append(one)
            if one.size - one.first < AT_ONCE:  # what was written meanwhile is for the next second
                break
        if anchor_pending(self.db, self.store, self.witness):
            self.db.execute(f"NOTIFY {DISPATCHER}")
        return done

    def look(self) -> None:
        """Do what is due of the schedule; a finding is kept, good or bad."""
        work: dict[str, Callable[[], object]] = {
            "copies": lambda: checks.check_copies(self.db, self.store),
            "leaves": lambda: checks.check_leaves(self.db),
            "replay": lambda: checks.check_tables(self.db),
        }
        for kind, period in SCHEDULE.items():
            row = self.db.execute(AGE, [kind]).fetchone()
            if row is None or row[0] is None or row[0] >= period:
                work[kind]()
        row = self.db.execute(LAG_NOW).fetchone()
        assert row is not None
        checks.check_horizon(self.db, row[0], LAG)


def run(stop: threading.Event) -> None:
    """Seal until `stop` is set. What goes away comes back; what is untrue is kept as a finding and seals nothing."""
    log.info("seal.started")  # the embedded supervisor waits for this line
    while not stop.is_set():
        try:
            with own.connect() as db:
                _serve(db, stop)
        except (psycopg.Error, OSError) as error:
            log.warning("seal.database_unreachable", error=type(error).__name__)
            stop.wait(RETRY)


def _serve(db: psycopg.Connection, stop: threading.Event) -> None:
    db.execute(f"LISTEN {SEAL}")
    db.execute("SELECT audit.make_partitions()")
    sealer, looked = Sealer(db), 0.0
    while not stop.is_set():
        try:
            for one in sealer.round():
                log.info("ledger.sealed", first=one.first, size=one.size)
            checks.note_change(db, "truth", True, {})
            if time.monotonic() - looked > 5.0:
                sealer.look()
                looked = time.monotonic()
        except UNTRUE as error:
            log.error("ledger.untrue", kind=type(error).__name__, error=str(error))
            checks.note_change(db, "truth", False, {"kind": type(error).__name__, "error": str(error)})
            sealer.is_sure = False
        except (ClientError, BotoCoreError) as error:
            log.warning("ledger.store_unreachable", error=type(error).__name__)
        list(db.notifies(timeout=EVERY, stop_after=1))
