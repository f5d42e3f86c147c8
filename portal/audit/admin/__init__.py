"""The evidence part of the console: the ledger, its integrity, its retention."""

from . import ledger

__all__ = ["ledger"]
