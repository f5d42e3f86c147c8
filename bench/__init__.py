import portal  # noqa: F401 - whoever imports it finds the small packages beside it
