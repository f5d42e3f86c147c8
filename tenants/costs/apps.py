from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "tenants.costs"
    label = "costs"
