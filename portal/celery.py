import os

from celery import Celery
from kombu.transport import redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("bailiwick")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["portal.jobs"])
redis.Channel.do_restore = False  # nothing to give back: it would leave what is running in a file of /tmp instead
