from django.apps import AppConfig


class FlagsConfig(AppConfig):
    name = "tenants.flags"
    label = "flags"
