from django.apps import AppConfig


class TierChangesConfig(AppConfig):
    name = "lifecycle.tierchanges"
    label = "tierchanges"
