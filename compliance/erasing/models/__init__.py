"""Erasures as people see them: the request, what each system said, what is kept and owed, and what restores replay."""

from .evidence import Exemption, Obligation, Owed, Passage, Recipient, RunState, SystemRun
from .ledger import ErasureLedger, Word
from .look import Look
from .request import (
    BEFORE_START,
    ENDED,
    RUNNING,
    Basis,
    ErasureRequest,
    Export,
    Identity,
    Kind,
    Phase,
    ProofKey,
    State,
    SubjectKey,
)
from .rule import RetentionRule

__all__ = [
    "BEFORE_START", "ENDED", "RUNNING", "Basis", "ErasureLedger", "ErasureRequest", "Exemption", "Export", "Identity",
    "Kind", "Look", "Obligation", "Owed", "Passage", "Phase", "ProofKey", "Recipient", "RetentionRule", "RunState",
    "State", "SubjectKey", "SystemRun", "Word",
]  # fmt: skip
