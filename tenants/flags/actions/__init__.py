"""Writes to flags. One verb, one function; each runs in one transaction and tells whose set it changed."""

from .exposures import report, seen
from .features import set_feature
from .keeping import archive, change, create, relate, unrelate
from .moving import move_to_configuration
from .review import note_ends, review
from .switching import switch_off, switch_on
from .targeting import override, remove_override, set_default, set_rollout

__all__ = [
    "archive",
    "change",
    "create",
    "move_to_configuration",
    "note_ends",
    "override",
    "relate",
    "remove_override",
    "report",
    "review",
    "seen",
    "set_default",
    "set_feature",
    "set_rollout",
    "switch_off",
    "switch_on",
    "unrelate",
]
