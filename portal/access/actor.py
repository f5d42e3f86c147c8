"""Who acts. Every action takes an Actor by keyword, and there is no default one."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .models import User

Via = Literal["session", "jwt", "token", "system"]


@dataclass(frozen=True)
class Actor:
    """One acting person or named system process.

    `scopes` is None for a full session and otherwise the set of verb families the credential carries.
    """

    id: str
    user: "User | None"
    via: Via
    scopes: frozenset[str] | None = None
    request_id: str = ""
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def system(cls, name: str) -> "Actor":
        """A process of the portal acting by itself, such as `system:sweep`."""
        return cls(id=f"system:{name}", user=None, via="system")

    @classmethod
    def of_user(cls, user: "User", *, via: Via = "session", request_id: str = "") -> "Actor":
        return cls(id=str(user.pk), user=user, via=via, request_id=request_id)

    @property
    def is_system(self) -> bool:
        return self.via == "system"

    @property
    def label(self) -> str:
        return self.user.display_name if self.user else self.id


def actor_of(request: Any) -> Actor:
    """Return the actor of an authenticated request (Django's or DRF's), cached on the request."""
    base = getattr(request, "_request", request)
    found = getattr(base, "actor", None)
    if found is not None and found.user is request.user:
        return found
    auth = getattr(request, "auth", None)
    scopes = getattr(auth, "scopes", None)
    actor = Actor(
        id=str(request.user.pk),
        user=request.user,
        via=getattr(auth, "via", "session"),
        scopes=frozenset(scopes) if scopes is not None else None,
        request_id=getattr(base, "request_id", ""),
    )
    base.actor = actor
    return actor
