from django.apps import AppConfig

from portal.lib import tracing


class JobsConfig(AppConfig):
    name = "portal.jobs"
    label = "jobs"

    def ready(self) -> None:
        tracing.send("bailiwick")
