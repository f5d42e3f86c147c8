"""What a removal leaves in the pages and statistics of tables of everybody's tables: cleared once for many erasures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from compliance.erasing.queries import Facts
from compliance.inventory.queries import Listed
from lifecycle.naming.queries import names_in
from lifecycle.stores.errors import StoreError

from .engine.rows import Rows, VectorRows
from .engine.trying import tried
from .subject import regions

ROWS = {"postgres": Rows, "vectors": VectorRows}  # by verifier: the systems that keep what was removed until told
BEAT = 1.0  # seconds


def clear(row: Listed, removed: list[Facts], alive: Callable[[], None]) -> str:
    """Have the system forget what was removed of these; returns why it could not. `alive` is told meanwhile."""
    region = regions().get(row.region)
    if region is None or not removed or row.verifier not in ROWS:
        return ""
    tenants = {facts.tenant.pk: facts.tenant for facts in removed}
    names = {pk: names_in(tenant, region.name) for pk, tenant in tenants.items()}
    erased = {facts.request.pk: names[facts.tenant.pk] for facts in removed}
    rows = ROWS[row.verifier](region)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(tried, lambda: rows.clear(erased))
        while wait([done], BEAT).not_done:
            alive()
    try:
        done.result()
    except StoreError as error:
        return f"What was removed is in its pages still: {error}"
    return ""
