from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "tenants.health"
    label = "health"
