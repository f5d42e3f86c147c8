"""The portal's settings with the test kinds, for the worker and dispatcher processes these tests start."""

from portal.settings import *  # noqa: F403

from . import KINDS

JOB_KINDS = KINDS
JOB_LEASE_SECONDS = 2
OUTBOX_SUBSCRIBERS: dict[str, list[str]] = {}
SCHEDULE = {"portal.jobs.schedule.redrive_orphans": 0.2}
ROOT_URLCONF = "tests.jobs.urls"
