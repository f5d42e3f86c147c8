from django.apps import AppConfig


class RetiringConfig(AppConfig):
    name = "lifecycle.retiring"
    label = "retiring"
