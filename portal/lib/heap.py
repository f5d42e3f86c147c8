"""How often a process that stays looks for cyclic garbage, and through how much."""

import gc
from typing import Any

YOUNG = 20_000  # objects more than before until the youngest are looked through; Python itself has 700


def settle(**_: Any) -> None:
    """Leave all that is loaded by now out of every later look: a process that serves keeps it until its end.

    Called when loading is over; in each child of a process that forks, too, where to look at what was loaded before
    the fork is to copy it. Hears Celery's worker_process_init.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
