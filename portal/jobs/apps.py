from django.apps import AppConfig
from django.db.backends.signals import connection_created

from portal.lib import databases, tracing


class JobsConfig(AppConfig):
    name = "portal.jobs"
    label = "jobs"

    def ready(self) -> None:
        tracing.send("bailiwick")
        connection_created.connect(databases.keep_statements)
