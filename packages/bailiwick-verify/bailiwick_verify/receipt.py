"""Verify one receipt: is this entry in the ledger the policy trusts?"""

from dataclasses import dataclass

from bailiwick_proof.checkpoint import Opened
from bailiwick_proof.policy import Policy
from bailiwick_proof.receipt import Receipt

from .report import printable


@dataclass(frozen=True, slots=True)
class Proved:
    """A receipt that holds, and the entry it proves."""

    receipt: Receipt
    opened: Opened
    entry: bytes

    def text(self) -> str:
        """Say what is proved, for people."""
        checkpoint = self.opened.checkpoint
        sealed = f", sealed {checkpoint.at:%Y-%m-%d %H:%M:%S} UTC" if checkpoint.at else ""
        signers = ", ".join(f"{one.key.name} ({one.key.id.hex()})" for one in self.opened.signers)
        return printable(
            f"Entry {self.receipt.index} is in {checkpoint.origin} as of {checkpoint.size} entries{sealed}.\n"
            f"Signed by {signers}.\n"
            "This does not prove that what the entry says was true, nor that it is still in the database.\n\n"
            f"{self.entry.decode(errors='replace')}\n"
        )


def verify(data: bytes, policy: Policy, entry: bytes | None = None) -> Proved:
    """Return what the receipt proves; Malformed or Unproven when it does not."""
    receipt = Receipt.parse(data)
    opened = receipt.verify(policy, entry)
    return Proved(receipt, opened, (receipt.extra or b"") if entry is None else entry)
