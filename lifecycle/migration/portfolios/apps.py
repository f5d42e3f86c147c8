from django.apps import AppConfig


class PortfoliosConfig(AppConfig):
    name = "lifecycle.migration.portfolios"
    label = "portfolios"
