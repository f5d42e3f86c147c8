"""Pages of cost."""

from . import centres, rates, statements

__all__ = ["centres", "rates", "statements"]
