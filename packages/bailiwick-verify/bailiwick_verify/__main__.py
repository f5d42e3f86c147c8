"""Verify a ledger, a receipt, a move's record, a tenant's export or an erasure certificate offline.

Exit 0: all holds, 1: something is wrong, 2: it cannot be read, 3: a certificate was genuine and is withdrawn.
"""

import argparse
import sys
from pathlib import Path

from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.trust import Trust

from . import certificate, ledger, migration, receipt, tenant
from .export import Unreadable
from .report import printable


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
        return code
    except (Unreadable, Malformed, OSError) as error:
        print(f"bailiwick-verify: {error}", file=sys.stderr)
        return 2


def _ledger(chosen: argparse.Namespace) -> int:
    policy = ledger.read_policy(chosen.policy) if chosen.policy else None
    report = ledger.verify(chosen.directory, policy)
    print(report.json() if chosen.json else report.text())
    return 0 if report.ok else 1


def _receipt(chosen: argparse.Namespace) -> int:
    entry = chosen.entry.read_bytes().removesuffix(b"\n") if chosen.entry else None
    try:
        proved = receipt.verify(chosen.file.read_bytes(), ledger.read_policy(chosen.policy), entry)
    except Unproven as error:
        print(f"NOT PROVED: {error}")
        return 1
    print(proved.text(), end="")
    return 0


def _migration(chosen: argparse.Namespace) -> int:
    try:
        moved = migration.verify(chosen.file.read_bytes(), ledger.read_policy(chosen.policy))
    except Unproven as error:
        print(f"NOT PROVED: {printable(str(error))}")
        return 1
    print(moved.text(), end="")
    return 0


def _export(chosen: argparse.Namespace) -> int:
    try:
        exported = tenant.verify(chosen.path, ledger.read_policy(chosen.policy))
    except Unproven as error:
        print(f"NOT PROVED: {printable(str(error))}")
        return 1
    print(exported.text(), end="")
    return 0


def _certificate(chosen: argparse.Namespace) -> int:
    trust = Trust.parse(chosen.policy.read_bytes())
    try:
        proved = certificate.verify(chosen.file.read_bytes(), trust)
        if chosen.status_list:
            certificate.check_status(proved, chosen.status_list.read_bytes(), trust)
        if chosen.archive:
            certificate.check_archive(proved, chosen.archive)
        if chosen.inclusion:
            certificate.check_inclusion(proved, chosen.inclusion.read_bytes())
    except certificate.Revoked as error:
        print(f"WITHDRAWN: {printable(str(error))}")
        return 3
    except Unproven as error:
        print(f"NOT VALID: {printable(str(error))}")
        return 1
    if not chosen.status_list:
        proved.unchecked.append("whether it was withdrawn since (no --status-list)")
    if not chosen.archive:
        proved.unchecked.append("the evidence (no --archive)")
    print(proved.text(), end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bailiwick-verify", description=__doc__)
    kinds = parser.add_subparsers(required=True)
    whole = kinds.add_parser("ledger", help="an exported ledger")
    whole.add_argument("directory", type=Path)
    whole.add_argument("--policy", type=Path, help="the keys you trust; without it the export's own, which is circular")
    whole.add_argument("--json", action="store_true")
    whole.set_defaults(run=_ledger)
    one = kinds.add_parser("receipt", help="a .tlog-proof file")
    one.add_argument("file", type=Path)
    one.add_argument("--entry", type=Path, help="the entry's bytes; without it those in the receipt")
    one.add_argument("--policy", type=Path, required=True)
    one.set_defaults(run=_receipt)
    move = kinds.add_parser("migration", help="the record of a move, as its page gives it")
    move.add_argument("file", type=Path)
    move.add_argument("--policy", type=Path, required=True)
    move.set_defaults(run=_migration)
    export = kinds.add_parser("export", help="a tenant's export, as a folder or the zip that was downloaded")
    export.add_argument("path", type=Path)
    export.add_argument("--policy", type=Path, required=True)
    export.set_defaults(run=_export)
    erased = kinds.add_parser("certificate", help="an erasure certificate, as JSON or PDF")
    erased.add_argument("file", type=Path)
    erased.add_argument(
        "--policy", type=Path, required=True, help="the issuer's trust file, got from somebody you trust"
    )
    erased.add_argument("--archive", type=Path, help="its evidence archive")
    erased.add_argument("--inclusion", type=Path, help="the proof that one id was in its manifest")
    erased.add_argument("--status-list", type=Path, help="the issuer's list of what was withdrawn")
    erased.set_defaults(run=_certificate)
    return parser


if __name__ == "__main__":
    sys.exit(main())
