"""What approvals do with their own news."""

from typing import Any

from . import actions


def signed(payload: dict[str, Any]) -> None:
    """Let a fully signed case take effect. Safe to repeat."""
    actions.effect_of(payload["case_id"])
