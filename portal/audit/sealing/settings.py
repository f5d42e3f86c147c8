"""Keys and places of the seal, from the settings."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
from bailiwick_proof.keys import LOG, WITNESS, SigningKey, generate
from bailiwick_proof.policy import LogKey, Policy
from django.conf import settings

from portal.lib.databases import parameters
from portal.lib.keys import read_or_create

LOG_KEY, WITNESS_KEY = "ledger_key", "witness_key"
APPLICATION = "bailiwick-sealer"


@dataclass(frozen=True)
class Keys:
    """The log's signing key and that of the witness. Production keeps the second where the first's holder is not."""

    log: SigningKey
    witness: SigningKey

    @property
    def policy(self) -> Policy:
        """What an auditor is given to trust: both public halves, one witness."""
        log, witness = self.log.verifier, self.witness.verifier
        return Policy(log.name, (LogKey(log),), (witness,), 1)


def keys() -> Keys:
    """Read both keys, made at first use where the runtime may make secrets."""
    return _keys(settings.SECRETS_DIR, settings.LEDGER["witness"], settings.LEDGER["origin"], settings.CREATE_SECRETS)


def policy() -> bytes:
    """policy.json: the file of the settings where this process holds no key of the ledger, else from the keys."""
    named = settings.LEDGER["policy"]
    return Path(named).read_bytes() if named else keys().policy.encode()


@cache
def _keys(secrets: Path, witness: Path, origin: str, create: bool) -> Keys:
    return Keys(
        _key(secrets / LOG_KEY, origin, LOG, create),
        _key(witness / WITNESS_KEY, f"{origin}/witness", WITNESS, create),
    )


def _key(path: Path, name: str, kind: int, create: bool) -> SigningKey:
    return SigningKey.parse(read_or_create(path, generate(name, kind).encode() if create else None).decode().strip())


def connect() -> psycopg.Connection:
    """A connection of the role that seals, outside any pooler: it listens."""
    address = parameters(settings.LEDGER["database"])
    return psycopg.connect(**address, autocommit=True, application_name=APPLICATION)
