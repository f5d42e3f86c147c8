"""The estate's pages."""

from . import endings, findings

__all__ = ["endings", "findings"]
