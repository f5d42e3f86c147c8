"""A tenant's user in ElastiCache, whose servers refuse ACL SETUSER: made by its API, as a member of the cache's group.

A user there always has a password. While it is off, that is one that was never told to anybody, or the one that it
will have again. Changes reach the servers some seconds after they are asked for; each call returns when they have, and
is Transient where that takes longer than a minute. AWS takes 100 users a group and no more.
Source: Amazon ElastiCache User Guide, "Role-Based Access Control"; API Reference 2015-02-02.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from redis.exceptions import ResponseError

from lifecycle.stores import aws
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.cache.connection import translated as by_server
from lifecycle.stores.cache.rules import COMMANDS, TENANT_USER, CacheUserState, digest
from lifecycle.stores.errors import Permanent, Transient
from portal.lib.regions import Region

SYSTEM = "cache"
PATIENCE = 60.0
PAUSE = 0.5


def ensure(region: Region, *, user: str, prefix: str) -> CacheUserState:
    """Make the user and see that it is in the group; an existing one keeps its password and whether it is on."""
    about = _describe(region, user)
    if about is None:
        _call(
            region,
            "create_user",
            UserId=user,
            UserName=user,
            Engine=region.cache.engine,
            AccessString=_access(prefix, is_on=False),
            **_password(secrets.token_urlsafe(32)),
        )
    elif about["AccessString"].split() != (wanted := _access(prefix, is_on=_is_on(about))).split():
        _change(region, user, AccessString=wanted)
    _join(region, user)
    state = read(region, user)
    assert state is not None
    return state


def read(region: Region, user: str) -> CacheUserState | None:
    about = _describe(region, user)
    if about is None:
        return None
    words = about["AccessString"].split()
    keys, channels = (tuple(sorted(one[1:] for one in words if one[0] == sigil)) for sigil in "~&")
    commands = " ".join(one for one in words if one[0] in "+-")
    is_on, count = _is_on(about), int(about.get("Authentication", {}).get("PasswordCount", 0))
    return CacheUserState(user, is_on, count if is_on else 0, keys, channels, digest(keys, channels, commands))


def remove(region: Region, user: str) -> bool:
    if _describe(region, user) is None:
        return False
    _settled(region, user)
    _call(region, "delete_user", UserId=user)
    _until(f"{user} is still being deleted", "delete_user", lambda: _describe(region, user) is None)
    _hang_up(region, user)
    return True


def set_password(region: Region, user: str, password: str) -> None:
    about = _settled(region, user)
    if about is None:
        raise Permanent(SYSTEM, "modify_user", f"there is no user {user}")
    _change(region, user, AccessString=_switched(about, is_on=True), **_password(password))


def let_in(region: Region, user: str, is_on: bool) -> CacheUserState | None:
    about = _settled(region, user)
    if about is None:
        return None
    if _is_on(about) is not is_on:
        _change(region, user, AccessString=_switched(about, is_on=is_on))
    if not is_on:
        _hang_up(region, user)
    return read(region, user)


def switch_off(region: Region, user: str) -> None:
    about = _settled(region, user)
    if about is None:
        return
    _change(region, user, AccessString=_switched(about, is_on=False), **_password(secrets.token_urlsafe(32)))
    _hang_up(region, user)


def tenants(region: Region) -> list[UUID]:
    """Of those in the cache's own group: an account may have several caches in a region."""
    with aws.translated(SYSTEM, "describe_users"):
        pages = aws.client(region, "elasticache").get_paginator("describe_users").paginate()
        listed = [one for page in pages for one in page["Users"]]
    ours = (one["UserId"] for one in listed if region.cache.user_group in one.get("UserGroupIds", []))
    return [UUID(name[2:]) for name in ours if TENANT_USER.fullmatch(name)]


def _access(prefix: str, *, is_on: bool) -> str:
    return " ".join(["on" if is_on else "off", f"~{prefix}*", "resetchannels", f"&{prefix}*", *COMMANDS])


def _switched(about: dict[str, Any], *, is_on: bool) -> str:
    words = [one for one in about["AccessString"].split() if one not in ("on", "off")]
    return " ".join(["on" if is_on else "off", *words])


def _is_on(about: dict[str, Any]) -> bool:
    return "on" in about["AccessString"].split()


def _password(password: str) -> dict[str, Any]:
    return {"AuthenticationMode": {"Type": "password", "Passwords": [password]}}


def _describe(region: Region, user: str) -> dict[str, Any] | None:
    client = aws.client(region, "elasticache")
    with aws.translated(SYSTEM, f"describe_users {user}"):
        said = aws.unless_absent(client.describe_users, UserId=user)
    return dict(said["Users"][0]) if said and said["Users"] else None


def _call(region: Region, operation: str, **given: Any) -> None:
    with aws.translated(SYSTEM, operation):
        getattr(aws.client(region, "elasticache"), operation)(**given)


def _change(region: Region, user: str, **given: Any) -> None:
    """Change the user, and wait until the servers have it."""
    _settled(region, user)
    _call(region, "modify_user", UserId=user, **given)
    _settled(region, user)


def _settled(region: Region, user: str) -> dict[str, Any] | None:
    """The user once nothing is being changed about it, or None where there is none."""
    found: list[dict[str, Any] | None] = []

    def look() -> bool:
        found.append(_describe(region, user))
        return found[-1] is None or found[-1]["Status"] == "active"

    _until(f"{user} is still being changed", "describe_users", look)
    return found[-1]


def _join(region: Region, user: str) -> None:
    """Put the user into the cache's group, without which it cannot log in. Groups take one change at a time."""
    group = region.cache.user_group
    about = _settled(region, user)
    if about is None or group in about.get("UserGroupIds", []):
        return

    def look() -> bool:
        with aws.translated(SYSTEM, "describe_user_groups"):
            said = aws.client(region, "elasticache").describe_user_groups(UserGroupId=group)
        return str(said["UserGroups"][0]["Status"]) == "active"

    _until(f"the group {group} is still being changed", "describe_user_groups", look)
    _call(region, "modify_user_group", UserGroupId=group, UserIdsToAdd=[user])
    _until(f"the group {group} is still being changed", "describe_user_groups", look)


def _hang_up(region: Region, user: str) -> None:
    """End the user's connections: those that are open outlive its password. A server without the user has none."""
    with by_server(f"CLIENT KILL USER {user}"):
        try:
            connection(region).execute_command("CLIENT", "KILL", "USER", user)
        except ResponseError as error:
            if "no such user" not in str(error).lower():
                raise


def _until(otherwise: str, operation: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise Transient(SYSTEM, operation, otherwise)
        time.sleep(PAUSE)
