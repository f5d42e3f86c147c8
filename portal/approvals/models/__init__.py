"""Rules as data, the cases they open, and who may act for whom."""

from .case import Case, Question, Requirement, Signature
from .delegation import Delegation
from .rule import Rule

__all__ = ["Case", "Delegation", "Question", "Requirement", "Rule", "Signature"]
