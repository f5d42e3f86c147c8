"""Looks everywhere for what is left of a tenant, and takes it away where Terraform's state does not know it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lifecycle.stores import credentials, tags
from lifecycle.stores import prices as price_list
from lifecycle.stores.cache import keys as cache_keys
from lifecycle.stores.cache import residue as cache
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.errors import Held, StoreError
from lifecycle.stores.logs import groups
from lifecycle.stores.logs import residue as logs
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, emptying, keys
from lifecycle.stores.objects import residue as objects
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.postgres import fences, roles, rows
from lifecycle.stores.postgres import residue as database
from lifecycle.stores.postgres import tags as database_tags
from lifecycle.stores.residue import Residue
from lifecycle.stores.secrets import SecretStore
from lifecycle.stores.vectors import residue as vectors
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region


@dataclass(frozen=True)
class NotChecked:
    """A system that did not answer. Never counted as clean."""

    system: str
    reason: str


@dataclass(frozen=True)
class Sweep:
    """One look at every system of a region for one tenant."""

    residue: tuple[Residue, ...]
    scheduled: tuple[Residue, ...]
    not_checked: tuple[NotChecked, ...]

    @property
    def is_clean(self) -> bool:
        """True only when everything was looked at and nothing was found."""
        return not self.residue and not self.not_checked

    @property
    def monthly_inr(self) -> Decimal | None:
        """What the residue costs a month; None when a part of it has no known price."""
        costs = [one.monthly_inr for one in self.residue]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal("0.00"))


def residue(
    region: Region,
    names: TenantNames,
    *,
    secrets: SecretStore,
    state_addresses: Iterable[str] = (),
    prices: Mapping[str, Decimal] | None = None,
) -> Sweep:
    """Return everything that is left of the tenant in the region, over all systems, and what could not be looked at.

    `state_addresses` are the addresses Terraform's state still lists; `prices` are INR a month per prices.UNITS.
    """
    found = [Residue("state", address, "is listed in the state", unit="none") for address in state_addresses]
    missed: list[NotChecked] = []
    looks: dict[str, Callable[[], list[Residue]]] = {
        "database": lambda: database.residue(region, names),
        "tags": lambda: database.tag_residue(region, names) + _tagged(region, names),
        "vectors": lambda: vectors.residue(region, names),
        "objects": lambda: objects.residue(region, names),
        "cache": lambda: cache.residue(region, names),
        "logs": lambda: logs.residue(region, names),
        "secrets": lambda: _bound(names, secrets),
    }
    for system, look in looks.items():
        found += _looked(system, look, missed)
    scheduled = _looked("keys", lambda: objects.scheduled(region, names), missed)
    priced = tuple(price_list.priced(one, prices or {}) for one in found)
    return Sweep(priced, tuple(scheduled), tuple(missed))


def purge(
    region: Region,
    names: TenantNames,
    *,
    secrets: SecretStore,
    before_page: Callable[[str, int], None] = lambda system, done: None,
) -> tuple[emptying.Emptied, list[NotChecked]]:
    """Remove the tenant's data and every resource of it, whether Terraform's state knows them or not.

    For a rollback after `terraform destroy`, when a killed apply left things its state never saw. Refuses nothing
    but holds, which stop it at once, and foreign tags; each system is tried, and what failed comes back.
    """
    done, failed = empty(region, names, secrets=secrets, before_page=before_page)
    removals: dict[str, Callable[[], object]] = {
        "logs": lambda: [groups.remove(region, one, names.tenant_id) for one in groups.all_of(region, names.log_group)],
        "objects": lambda: buckets.remove(region, names.bucket, names.tenant_id),
        "iam": lambda: iam_users.remove(region, names.iam_user, names.tenant_id),
        "keys": lambda: _remove_keys(region, names),
        "cache": lambda: cache_users.remove(region, names.cache_user),
        "vectors": lambda: _remove_namespaces(region, names),
        "database": lambda: _remove_control(region, names),
    }
    for system, removal in removals.items():
        _tried(system, removal, failed)
    return done, failed


def empty(
    region: Region,
    names: TenantNames,
    *,
    secrets: SecretStore,
    before_page: Callable[[str, int], None] = lambda system, done: None,
) -> tuple[emptying.Emptied, list[NotChecked]]:
    """Take the tenant's writers their credentials and delete its data, so that `terraform destroy` can succeed.

    Rows, vectors, objects with all versions, markers and uploads, cache keys. What failed comes back.
    """
    failed: list[NotChecked] = []
    emptied = emptying.Emptied()

    def objects_page(count: emptying.Emptied) -> None:
        before_page("objects", count.versions + count.markers + count.uploads)

    def objects_emptied() -> None:
        tags.refuse_foreign("objects", names.bucket, buckets.tags(region, names.bucket), names.tenant_id)
        emptying.empty(region, names.bucket, done=emptied, before_page=objects_page)

    _tried("credentials", lambda: credentials.revoke(region, names, secrets), failed)
    _tried("database", lambda: _remove_rows(region, names, before_page), failed)
    _tried("vectors", lambda: _empty_namespaces(region, names), failed)
    _tried("objects", objects_emptied, failed)
    _tried("cache", lambda: cache_keys.remove(region, names.cache_prefix), failed)
    return emptied, failed


def _remove_rows(region: Region, names: TenantNames, before_page: Callable[[str, int], None]) -> None:
    """Rows are deleted as the tenant; where its role is gone already, it is made again for that."""
    if not any(rows.count(region, names.tenant_id, "provisioner").values()):
        return
    if roles.read(region, names.role) is None:
        roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
    rows.remove(region, tenant_id=names.tenant_id, role=names.role, before_batch=before_page)


def _empty_namespaces(region: Region, names: TenantNames) -> None:
    for provider in region.vector_providers:
        if provider != "pgvector":  # its vectors are rows, gone with the others
            store_of(region, provider).empty(names)


def _remove_namespaces(region: Region, names: TenantNames) -> None:
    for provider in region.vector_providers:
        store_of(region, provider).remove(names)


def _remove_keys(region: Region, names: TenantNames) -> None:
    for state in keys.of_tenant_keys(region, names.tenant_id):
        keys.remove(region, state.arn, names.tenant_id)
    keys.remove(region, names.kms_alias, names.tenant_id)


def _remove_control(region: Region, names: TenantNames) -> None:
    fences.remove(region, names.tenant_id)
    roles.remove(region, names.role, names.tenant_id)
    database_tags.remove(region, names.tenant_id)


def _tagged(region: Region, names: TenantNames) -> list[Residue]:
    """Return what carries the tenant's tag; keys are judged by their state, elsewhere."""
    found = tags.of_set(region, names)
    return [Residue("tags", one.arn, "carries the tenant's tag") for one in found if ":kms:" not in one.arn]


def _bound(names: TenantNames, secrets: SecretStore) -> list[Residue]:
    known = secrets.read(names.tenant_id)
    return [Residue("secrets", str(names.tenant_id), "has a binding", unit="none")] if known else []


def _looked(system: str, look: Callable[[], list[Residue]], missed: list[NotChecked]) -> list[Residue]:
    try:
        return look()
    except StoreError as error:
        missed.append(NotChecked(system, str(error)))
        return []


def _tried(system: str, act: Callable[[], object], failed: list[NotChecked]) -> None:
    try:
        act()
    except Held:  # of the tenant, so of every other system too
        raise
    except StoreError as error:
        failed.append(NotChecked(system, str(error)))
