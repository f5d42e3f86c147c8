"""The one clock. Actions take their time from here so that a test can move it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, timezone-aware, UTC."""
    return datetime.now(UTC)
