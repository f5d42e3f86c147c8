from django.apps import AppConfig


class EstateConfig(AppConfig):
    name = "lifecycle.estate"
    label = "estate"
