"""Refusals as problem+json (RFC 9457)."""

import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

TYPE_PREFIX = "urn:bailiwick:problem:"
TITLES = {
    400: "The request cannot be read",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    421: "Wrong region",
    422: "Invalid",
    423: "Locked",
    429: "Too many requests",
    500: "Unexpected error",
    503: "Not available now",
    504: "No answer",
}


class Problem(Exception):
    """An answer that refuses: `code` is stable, `detail` says what would be right; `extra` are further members."""

    def __init__(
        self, status: int, code: str, detail: str, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> str:
        """The JSON document."""
        title = TITLES.get(self.status, "Refused")
        members = {"type": TYPE_PREFIX + self.code, "title": title, "status": self.status, "detail": self.detail}
        return json.dumps({**members, **self.extra})


class Repeatable(Problem):
    """503: the transaction saw what another has changed meanwhile; nothing was changed, and it can be done again."""

    def __init__(self) -> None:
        super().__init__(503, "unavailable", "Others changed the same; nothing was changed.", {"Retry-After": "1"})


class Moved(Problem):
    """503: the store refused the transaction whole, because the tenant is not written there at this epoch.

    `stands` is what the store said of its fence: its state, and the epoch it is at.
    """

    def __init__(self, tenant_id: UUID, epoch: int, stands: tuple[str, int]) -> None:
        detail = "The tenant is being moved, or has just moved; nothing was changed."
        super().__init__(503, "tenant-moving", detail, {"Retry-After": "1"})
        self.tenant_id = tenant_id
        self.epoch = epoch
        self.state, self.store_epoch = stands


class Maintenance(Problem):
    """503 until a known end: the tenant's service rests while it is moved."""

    def __init__(self, until: datetime) -> None:
        seconds = max(1, math.ceil((until - datetime.now(UTC)).total_seconds()))
        detail = f"The service is in maintenance until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC at the latest."
        super().__init__(503, "tenant-in-maintenance", detail, {"Retry-After": str(seconds)}, until=until.isoformat())
        self.until = until


class Elsewhere(Problem):
    """421: another region serves the tenant, as far as is known at this epoch."""

    def __init__(self, tenant_id: UUID, region: str, epoch: int) -> None:
        super().__init__(421, "wrong-region", f"The tenant is served in {region}.", region=region)
        self.tenant_id = tenant_id
        self.region = region
        self.epoch = epoch


def over_quota(
    code: str,
    detail: str,
    *,
    limit: int,
    used: int,
    resets_at: datetime | None = None,
    seconds: int = 0,
    name: str = "",
) -> Problem:
    """429 with what the tier allows, what is used and left, and when there is more; None: when something is deleted.

    Retry-After only where waiting helps. `name` is that of the quota in the RateLimit header.
    """
    headers = {"Retry-After": str(seconds), "RateLimit": f'"{name}";r=0;t={seconds}'} if resets_at else {}
    left, moment = max(0, limit - used), resets_at.isoformat() if resets_at else None
    return Problem(429, code, detail, headers, limit=limit, used=used, left=left, resets_at=moment)


def invalid(field: str, wanted: str) -> Problem:
    """422 for one field, saying what it should be."""
    return Problem(422, "invalid", f"{field}: {wanted}", fields={field: [wanted]})


def not_found(what: str) -> Problem:
    """404, the same for what is absent and what belongs to another tenant or person."""
    return Problem(404, "not-found", f"There is no such {what}.")


def unavailable(detail: str, retry_after: int = 1) -> Problem:
    """503: nothing was decided about the request; another try may succeed."""
    return Problem(503, "unavailable", detail, {"Retry-After": str(retry_after)})
