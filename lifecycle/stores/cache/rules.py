"""What a tenant's cache user may do, wherever its server takes that from, and how the user is told as it is."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

# SCAN, KEYS, RANDOMKEY and DBSIZE answer about every tenant's keys whatever the key pattern says.
COMMANDS = (
    "-@all",
    "+@read",
    "+@write",
    "+@string",
    "+@hash",
    "+@set",
    "+@sortedset",
    "+@list",
    "+@stream",
    "+@transaction",
    "+@pubsub",
    "+eval",
    "+evalsha",
    "+ping",
    "+hello",
    "+auth",
    "+client|setname",
    "+client|setinfo",
    "-@admin",
    "-@dangerous",
    "-scan",
    "-randomkey",
    "-dbsize",
    "-swapdb",
    "-move",
    "-pubsub",
)

TENANT_USER = re.compile(r"t-[0-9a-f]{32}")


@dataclass(frozen=True)
class CacheUserState:
    """A cache user as it is. `passwords` are those it was given; `rules` is a digest of what else is in force."""

    user: str
    is_on: bool
    passwords: int
    keys: tuple[str, ...]
    channels: tuple[str, ...]
    rules: str


def digest(keys: Iterable[str], channels: Iterable[str], commands: str) -> str:
    rules = "\n".join([*keys, "", *channels, "", commands])
    return hashlib.sha256(rules.encode()).hexdigest()[:16]
