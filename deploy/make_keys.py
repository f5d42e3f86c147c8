"""Makes the keys of a new installation, once: `python deploy/make_keys.py DIR`. In production nothing else makes any.

    DIR/keys        every process but the sealer: the Secrets `keys` and `certificates`
    DIR/sealer      the sealer alone: the ledger's key and, to be kept elsewhere if possible, the witness's
    DIR/DJANGO_SECRET_KEY      the value of the variable of that name

Names are taken from BAILIWICK_LEDGER_ORIGIN and BAILIWICK_CERTIFICATE_ISSUER. DIR must not exist:
keys are never replaced.
"""

import os
import sys
from pathlib import Path
from uuid import UUID

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = [PROJECT / "packages" / name for name in ("bailiwick-client", "bailiwick-proof", "bailiwick-verify")]


def main(root: Path) -> None:
    root.mkdir(mode=0o700)
    keys, sealer = root / "keys", root / "sealer"
    sys.path[:0] = [str(PROJECT), *map(str, PACKAGES)]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BAILIWICK_EMBEDDED": "1",  # which is what may make secrets
        "BAILIWICK_SECRETS_DIR": str(keys),
        "BAILIWICK_WITNESS_DIR": str(sealer),
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",  # it is never asked
    }
    os.environ.pop("BAILIWICK_LEDGER_POLICY", None)
    make(keys, sealer)


def make(keys: Path, sealer: Path) -> None:
    """Use every key once: the first use makes it."""
    import django

    django.setup()
    from compliance.certificates.keys import pair
    from compliance.erasing.pseudonyms import ledger_digest
    from portal.access.jwt import public_jwk
    from portal.audit.sealing import settings as ledger
    from portal.lib.keys import new_ed25519_pem, read_or_create
    from portal.notify.seal import seal

    for directory in (keys / "regions", sealer / "keys"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    public_jwk()
    read_or_create(keys / "report_ed25519.pem", new_ed25519_pem())
    seal({})
    ledger_digest("tenant", UUID(int=0), None)
    pair(1)
    for directory in (keys, sealer / "keys"):
        (directory / "policy.json").write_bytes(ledger.policy())
    (keys / ledger.LOG_KEY).rename(sealer / "keys" / ledger.LOG_KEY)
    (keys / "secret_key").rename(keys.parent / "DJANGO_SECRET_KEY")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
