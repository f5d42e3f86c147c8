import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from kombu.transport import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import SentinelManagedConnection

from portal.lib import heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("bailiwick")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["portal.jobs"])
worker_process_init.connect(heap.settle)
redis.Channel.do_restore = False  # nothing to give back: it would leave what is running in a file of /tmp instead


class Once(SentinelManagedConnection):
    """Tries once more and no longer: whatever cannot be sent now is sent again from the database."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "retry": Retry(NoBackoff(), 1)})  # type: ignore[no-untyped-call]


redis.SentinelChannel.connection_class = Once
