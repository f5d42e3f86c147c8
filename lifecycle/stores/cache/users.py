"""A tenant's cache user: its own keys and channels only, and no command that shows or stops anything else.

Who makes it is the region's matter: the server itself (acl.py), or ElastiCache, whose server refuses to (service.py).
"""

from types import ModuleType
from typing import cast
from uuid import UUID

from lifecycle.stores.cache import acl, service
from lifecycle.stores.cache.rules import COMMANDS, CacheUserState
from portal.lib.regions import Region

__all__ = ["COMMANDS", "CacheUserState", "ensure", "let_in", "read", "remove", "set_password", "switch_off", "tenants"]


def _maker(region: Region) -> ModuleType:
    return service if region.cache.user_group else acl


def ensure(region: Region, *, user: str, prefix: str) -> CacheUserState:
    """Make the user confined to keys under `prefix`; a new one is off and nobody has a password of it."""
    return cast(CacheUserState, _maker(region).ensure(region, user=user, prefix=prefix))


def read(region: Region, user: str) -> CacheUserState | None:
    """Return the user as it is, or None."""
    return cast(CacheUserState | None, _maker(region).read(region, user))


def remove(region: Region, user: str) -> bool:
    """Remove the user and end its connections; true when it was there."""
    return bool(_maker(region).remove(region, user))


def set_password(region: Region, user: str, password: str) -> None:
    """Switch the user on with exactly this password."""
    _maker(region).set_password(region, user, password)


def let_in(region: Region, user: str, is_on: bool) -> CacheUserState | None:
    """Let the user in with the password it has, or keep it out and end its connections; return it as it is then."""
    return cast(CacheUserState | None, _maker(region).let_in(region, user, is_on))


def switch_off(region: Region, user: str) -> None:
    """Take the user's passwords and end its connections; does nothing where there is no such user."""
    _maker(region).switch_off(region, user)


def tenants(region: Region) -> list[UUID]:
    """Return the tenants that have a user here."""
    return cast(list[UUID], _maker(region).tenants(region))
