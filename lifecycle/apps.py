from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "lifecycle"

    def ready(self) -> None:
        from lifecycle.provisioning import leaving  # noqa: F401  (Celery's signal reaches it from here)
