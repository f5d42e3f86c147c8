"""The lifecycle's pages: requests, validations, incidents, rules for manual set-up."""

from . import incidents, manual_rules, requests, validations

__all__ = ["incidents", "manual_rules", "requests", "validations"]
