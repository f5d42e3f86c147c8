"""Pages of cost."""

from . import centres, rates, statements, terms

__all__ = ["centres", "rates", "statements", "terms"]
