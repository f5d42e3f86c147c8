"""The adapters that an installation's settings name, for one move.

`MIGRATION["doors"]` is a list of objects: `kind` (elbv2, envoy, route53) and the adapter's own fields, in which
`{tenant}`, `{source}` and `{target}` stand for the move's. `blue_region` says which region a fixed "blue" stands for:
a move towards it weighs the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lifecycle.migration.models import Migration
from lifecycle.stores.errors import Permanent
from portal.lib.regions import Region

from .elbv2 import LATE, Elbv2
from .envoy import Envoy
from .route53 import Route53
from .split import Intended, Served, Side, Split

KINDS: dict[str, Any] = {"elbv2": Elbv2, "envoy": Envoy, "route53": Route53}


@dataclass(frozen=True)
class Door:
    """One adapter, seen from a move: blue is where the tenant comes from, green where it goes."""

    name: str
    split: Any
    is_turned: bool = False

    def read(self) -> Intended:
        return self._seen(self.split.read())

    def set(self, green: int) -> Intended:
        return self._seen(self.split.set(100 - green if self.is_turned else green))

    @property
    def ttl(self) -> int | None:
        """For how long answers live; None where nothing is remembered elsewhere."""
        return self.split.read().settles_in_seconds if isinstance(self.split, Route53) else None

    def set_ttl(self, seconds: int) -> None:
        if isinstance(self.split, Route53):
            self.split.set_ttl(seconds)

    @property
    def blue(self) -> str:
        """What there is of blue to be taken away, in words; empty where nothing is."""
        return str(self.split.stands(self._blue))

    def remove_blue(self) -> None:
        self.split.remove(self._blue)

    @property
    def _blue(self) -> Side:
        return "green" if self.is_turned else "blue"

    def served(self) -> Served | None:
        """What it counted itself; None where it counts nothing."""
        if isinstance(self.split, Route53):
            return None
        found = self.split.served()
        return Served(found.green, found.blue) if self.is_turned else found

    @property
    def late(self) -> timedelta:
        """How much later than it came a request may be counted."""
        return LATE if isinstance(self.split, Elbv2) else timedelta(0)

    def _seen(self, found: Intended) -> Intended:
        return replace(found, green=100 - found.green) if self.is_turned else found


def doors_of(migration: Migration, region: Region, configured: list[Mapping[str, Any]]) -> list[Door]:
    """Every adapter of the move, in the order of the settings; raises Permanent for one that makes no sense."""
    return [_door(migration, region, dict(one)) for one in configured]


def _door(migration: Migration, region: Region, given: dict[str, Any]) -> Door:
    names = {"tenant": migration.tenant.name, "source": migration.source, "target": migration.target}
    kind, blue = given.pop("kind", ""), given.pop("blue_region", "")
    fields = {key: str(value).format(**names) for key, value in given.items()}
    made: Split
    try:
        made = KINDS[kind](**(fields if kind == "envoy" else {"region": region, **fields}))
    except (KeyError, TypeError) as error:
        raise Permanent("routing", "settings", f"{kind or 'an adapter without a kind'}: {error}") from error
    return Door(
        f"{kind} {fields.get('name') or fields.get('rule_arn') or fields.get('prefix')}", made, blue == migration.target
    )
