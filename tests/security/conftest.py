from tests.access.conftest import bearing, meera

__all__ = ["bearing", "meera"]
