"""The evidence part of the console: the ledger, its integrity, its retention."""

from . import integrity, ledger, retention

__all__ = ["integrity", "ledger", "retention"]
