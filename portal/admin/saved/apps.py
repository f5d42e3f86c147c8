from django.apps import AppConfig


class SavedConfig(AppConfig):
    name = "portal.admin.saved"
    label = "saved"
    verbose_name = "Saved views"
