"""The registry's pages."""

from . import prices, tenant, tiers, units

__all__ = ["prices", "tenant", "tiers", "units"]
