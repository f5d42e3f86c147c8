"""Approvals as pages."""

from . import case, delegations, rules

__all__ = ["case", "delegations", "rules"]
