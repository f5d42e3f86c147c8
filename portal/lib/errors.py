"""Typed refusals. Actions raise them; the doors (API, pages, commands) translate each one once."""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """A verb was refused; nothing changed. `code` is stable, `detail` says what would make it pass."""

    status = 400
    title = "Refused"

    def __init__(self, detail: str, *, code: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code()
        self.extra = extra

    @classmethod
    def default_code(cls) -> str:
        return cls.__name__.lower()

    def after(self, actor: Any) -> None:
        """What outlives the refused transaction; called with who acted, once that has rolled back."""


class Invalid(Refusal):
    """The input cannot be accepted. `fields` maps a field's name to what is wrong with it."""

    status, title = 422, "The request cannot be accepted as it stands"

    def __init__(self, detail: str = "", *, fields: Mapping[str, str] | None = None, code: str = "", **extra: Any):
        self.fields = dict(fields or {})
        super().__init__(detail or "; ".join(f"{k}: {v}" for k, v in self.fields.items()), code=code, **extra)


class NotAllowed(Refusal):
    status, title = 403, "You may not do this"

    @classmethod
    def default_code(cls) -> str:
        return "not-allowed"


class Absent(Refusal):
    """The object is absent, or not the actor's to see: both answer alike."""

    status, title = 404, "Not found"


class Conflict(Refusal):
    status, title = 409, "The object has moved on"


class NotConfigured(Refusal):
    """Nobody has moved anything: this installation was never given what the verb needs."""

    status, title = 409, "This installation is not set up for it"

    @classmethod
    def default_code(cls) -> str:
        return "not-configured"


class Blocked(Refusal):
    """Something outside the actor's power forbids the verb. `by` names it."""

    status, title = 423, "Blocked"

    def __init__(self, detail: str, *, by: str, code: str = "", **extra: Any) -> None:
        self.by = by
        super().__init__(detail, code=code, by=by, **extra)


class TooLarge(Refusal):
    status, title = 413, "The body is too large"

    @classmethod
    def default_code(cls) -> str:
        return "body-too-large"


class Busy(Refusal):
    """The database could not go on; asking again in `retry_after` seconds may pass."""

    status, title = 503, "Not possible at the moment"
