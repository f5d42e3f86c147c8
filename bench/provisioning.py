"""From request to active through HTTP, alone and ten at once, beside the bare connectors making the same resources."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.product import CHAMPIONS, active_tenant
from bench.rows import Row
from bench.terraform_runs import floor
from portal.embedded.stack import Stack

ALONE, AT_ONCE = 3, 10
LONGEST = 60.0


def measure(stack: Stack) -> tuple[list[Row], dict[str, Any]]:
    """Returns the rows and one of the tenants' requests, for what is measured next."""
    region, units = stack.region("ap-south-1"), list(CHAMPIONS)
    floor(region, 1)  # warms connections
    _, request = active_tenant(stack.url, units[0])
    alone = [active_tenant(stack.url, units[number % len(units)])[0] for number in range(1, ALONE + 1)]
    alone_floor = min(floor(region, 1) for _ in range(ALONE))
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wanted = (units[number % len(units)] for number in range(AT_ONCE))
        list(pool.map(lambda unit: active_tenant(stack.url, unit), wanted))
    together = time.monotonic() - began
    together_floor = floor(region, AT_ONCE)
    least = "connectors alone"
    return [
        Row("request to active, one tenant", statistics.median(alone), alone_floor, least, p95=max(alone), bar=LONGEST),
        Row(f"request to active, {AT_ONCE} at once", together, together_floor, least, bar=LONGEST),
    ], request
