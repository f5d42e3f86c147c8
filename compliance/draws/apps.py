from django.apps import AppConfig


class DrawsConfig(AppConfig):
    name = "compliance.draws"
    label = "draws"
