from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "lifecycle.migration.reviews"
    label = "reviews"
