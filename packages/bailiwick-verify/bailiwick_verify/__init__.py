"""Checks an exported ledger offline: no Django, no network, nothing of the portal but the formats."""
