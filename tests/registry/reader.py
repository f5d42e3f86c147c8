"""An enforcement point in a process of its own: looks tenants up as fast as it can, and tells what it saw.

Commands on standard input: `look ID SECONDS` answers each change of the answer with the time of the question;
`know ID` what it holds; `jump SECONDS` sets its wall clock, as an administrator or a bad time server would.
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import time_machine
from bailiwick_client import Refused, Registry
from bailiwick_client.registry import boot_seconds


def answer(registry: Registry, tenant_id: str) -> str:
    try:
        return registry.tenant(tenant_id).status
    except Refused as refused:
        return refused.code


def look(registry: Registry, tenant_id: str, seconds: str) -> list[tuple[float, str]]:
    """Each answer that differs from the one before, and the last, with when it was asked for."""
    seen: list[tuple[float, str]] = []
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        asked = boot_seconds()
        said = answer(registry, tenant_id)
        if not seen or seen[-1][1] != said:
            seen.append((asked, said))
        last = asked, said
    return [*seen, last]


def know(registry: Registry, tenant_id: str) -> Any:
    known = registry.configuration(tenant_id)
    held = {"config_version": known.version, "region": known.region} if known else {}
    return {**held, "status": answer(registry, tenant_id)}


def main() -> None:
    url, token, point, stream = sys.argv[1:5]
    copy = Path(sys.argv[5]) if len(sys.argv) > 5 else None
    registry = Registry(url, lambda: token, point=point, stream_url=stream, copy=copy)
    with time_machine.travel(datetime.now(UTC), tick=True) as wall:
        for line in sys.stdin:
            verb, *words = line.split()
            if verb == "jump":
                said: Any = wall.shift(float(words[0]))
            else:
                said = {"look": look, "know": know}[verb](registry, *words)  # type: ignore[operator]
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
