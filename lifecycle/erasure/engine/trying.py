"""Calls tried again where the store says that they may succeed, and waiting for a store's own sign."""

import time
from collections.abc import Callable
from typing import TypeVar

from lifecycle.stores.errors import Transient

T = TypeVar("T")
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.2, 4.0, 10.0
SETTLE_SECONDS = 10.0  # shorter than the lease of whoever waits


def tried(call: Callable[[], T], times: int = 3) -> T:
    """What `call` answers; a Transient is tried again until it was tried so many times, anything else goes up at once.

    The store's own wish for a pause counts more than ours.
    """
    pause = FIRST_PAUSE
    for _ in range(times - 1):
        try:
            return call()
        except Transient as error:
            time.sleep(min(error.retry_after or pause, LONGEST_PAUSE))
            pause *= GROWTH
    return call()


def shown(sign: Callable[[], bool], system: str, complaint: str, seconds: float = SETTLE_SECONDS) -> None:
    """Return once the store gives the sign, asked with growing pauses; Transient when it does not."""
    until, pause = time.monotonic() + seconds, 0.02
    while not sign():
        if time.monotonic() > until:
            raise Transient(system, "settle", complaint)
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
