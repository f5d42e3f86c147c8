"""A tenant's user on a Redis or Valkey server that makes its users itself, by ACL SETUSER."""

from typing import Any
from uuid import UUID

from redis.exceptions import ResponseError

from lifecycle.stores.cache.connection import connection, translated
from lifecycle.stores.cache.rules import COMMANDS, TENANT_USER, CacheUserState, digest
from portal.lib.regions import Region


def ensure(region: Region, *, user: str, prefix: str) -> CacheUserState:
    """Make the user confined to keys under `prefix`; a new one is off and has no password until it gets credentials."""
    redis = connection(region)
    with translated(f"ACL SETUSER {user}"):
        fresh = [] if _describe(region, user) else ["off", "resetpass"]
        patterns = ["resetkeys", f"~{prefix}*", "resetchannels", f"&{prefix}*"]
        redis.execute_command("ACL", "SETUSER", user, *fresh, *patterns, "nocommands", *COMMANDS)
        _save(redis)
    state = read(region, user)
    assert state is not None
    return state


def read(region: Region, user: str) -> CacheUserState | None:
    """Return the user as the server has it, or None."""
    with translated(f"ACL GETUSER {user}"):
        about = _describe(region, user)
    if about is None:
        return None
    keys, channels = _listed(about["keys"]), _listed(about.get("channels", ""))
    return CacheUserState(
        user=user,
        is_on="on" in about["flags"],
        passwords=len(about["passwords"]),
        keys=keys,
        channels=channels,
        rules=digest(keys, channels, str(about["commands"])),
    )


def remove(region: Region, user: str) -> bool:
    """Remove the user and end its connections; true when it was there."""
    redis = connection(region)
    with translated(f"ACL DELUSER {user}"):
        gone = bool(redis.execute_command("ACL", "DELUSER", user))
        if gone:
            _save(redis)
        return gone


def set_password(region: Region, user: str, password: str) -> None:
    """Switch the user on with exactly this password."""
    redis = connection(region)
    with translated(f"ACL SETUSER {user}"):
        redis.execute_command("ACL", "SETUSER", user, "resetpass", f">{password}", "on")
        _save(redis)


def let_in(region: Region, user: str, is_on: bool) -> CacheUserState | None:
    """Let the user in with the password it has, or keep it out and end its connections; return it as it is then."""
    redis = connection(region)
    with translated(f"ACL SETUSER {user}"):
        if _describe(region, user) is None:
            return None
        redis.execute_command("ACL", "SETUSER", user, "on" if is_on else "off")
        if not is_on:
            redis.execute_command("CLIENT", "KILL", "USER", user)
        _save(redis)
    return read(region, user)


def switch_off(region: Region, user: str) -> None:
    """Take the user's passwords and end its connections; does nothing where there is no such user."""
    redis = connection(region)
    with translated(f"ACL SETUSER {user}"):
        if _describe(region, user) is None:
            return
        redis.execute_command("ACL", "SETUSER", user, "off", "resetpass")
        redis.execute_command("CLIENT", "KILL", "USER", user)
        _save(redis)


def tenants(region: Region) -> list[UUID]:
    """Return the tenants that have a user on this server."""
    with translated("ACL USERS"):
        listed = connection(region).execute_command("ACL", "USERS")
    return [UUID(name[2:]) for name in listed if TENANT_USER.fullmatch(name)]


def _describe(region: Region, user: str) -> dict[str, Any] | None:
    said = connection(region).execute_command("ACL", "GETUSER", user)
    if said is None:
        return None
    return dict(said) if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=True))


def _listed(patterns: Any) -> tuple[str, ...]:
    """Redis 6 answers a list without its sigil, Redis 7 one text with it."""
    found = patterns.split() if isinstance(patterns, str) else list(patterns)
    return tuple(sorted(one.removeprefix("~").removeprefix("&") for one in found))


def _save(redis: Any) -> None:
    """Keep the users over a restart: into the ACL file where there is one."""
    try:
        redis.execute_command("ACL", "SAVE")
    except ResponseError as error:
        if "not configured to use an ACL file" not in str(error):
            raise
