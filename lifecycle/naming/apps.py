from django.apps import AppConfig


class NamingConfig(AppConfig):
    name = "lifecycle.naming"
    label = "naming"
