"""The pages of flags: what is being tried, for whom; the monthly review; what one tenant gets."""

from . import flag, review, tenant

__all__ = ["flag", "review", "tenant"]
