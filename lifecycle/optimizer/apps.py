from django.apps import AppConfig


class OptimizerConfig(AppConfig):
    name = "lifecycle.optimizer"
    label = "optimizer"
