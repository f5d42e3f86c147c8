"""What the process that holds snapshots does, in this one: a comparison goes on as far as it can without waiting."""

import os
from uuid import UUID

from lifecycle.migration.comparing.holder import Holder
from portal.jobs import runner

_holders: dict[int, Holder] = {}


def holder() -> Holder:
    """This process's own: a child made by a fork has none of its parent's sessions."""
    return _holders.setdefault(os.getpid(), Holder())


def turn(job_id: UUID) -> None:
    """A worker's turn, and another one for as long as a snapshot was given meanwhile."""
    holder().look()
    runner.run(job_id)
    while holder().look():
        runner.run(job_id)
