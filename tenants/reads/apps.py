from django.apps import AppConfig


class ReadsConfig(AppConfig):
    name = "tenants.reads"
    label = "reads"
