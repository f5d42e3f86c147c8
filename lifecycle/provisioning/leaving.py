"""A worker that is told to go tells its Terraform commands first, and their jobs go on in another worker.

Celery waits for its tasks, and a task waits for its command; nobody else would tell the command that time is short. Its
own ladder (120 s, then 60 s) ends before `stop_grace_period` and `terminationGracePeriodSeconds` do.
"""

import os
import signal
from pathlib import Path
from typing import Any

from celery.signals import worker_shutting_down
from django.conf import settings

from lifecycle.provisioning.terraform.commands import LEFT
from lifecycle.provisioning.terraform.files import read_json
from lifecycle.provisioning.terraform.processes import descends_from
from lifecycle.provisioning.terraform.recovery import running


def leave(work_dir: Path, *, worker: int) -> list[Path]:
    """Ask every command that this worker's processes started to stop gently; return their directories."""
    beats = {directory: read_json(directory / "heartbeat.json") or {} for directory in running(work_dir)}
    own = {directory: int(beat["pid"]) for directory, beat in beats.items() if descends_from(int(beat["pid"]), worker)}
    for directory, supervisor in own.items():
        (directory / LEFT).touch()
        os.kill(supervisor, signal.SIGTERM)
    return list(own)


def _leave(**_: Any) -> None:
    leave(settings.WORK_DIR / "terraform", worker=os.getpid())


worker_shutting_down.connect(_leave, weak=False)
