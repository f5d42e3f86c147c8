from tests.flags.conftest import foreign, mine, told

__all__ = ["foreign", "mine", "told"]
