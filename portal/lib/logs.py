"""Structured logs: an event name and ids on one JSON line, never personal data, never a credential."""

from typing import Any

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
_json = structlog.processors.JSONRenderer()


def renderer(logger: Any, name: str, event: Any) -> str:
    """The line as JSON; what a library or an exception brought along is struck out."""
    from .masking import mask  # settings name this module and are not there yet

    return mask(str(_json(logger, name, event)))
