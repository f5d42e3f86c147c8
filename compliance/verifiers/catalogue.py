"""Which verifier looks at which system."""

from .cache import Cache
from .exports import Exports
from .logs import Logs
from .looking import Verifier
from .metrics import Metrics
from .objects import Objects
from .postgres import Postgres
from .vectors import Vectors

VERIFIERS: dict[str, Verifier] = {
    one.name: one for one in (Postgres(), Vectors(), Objects(), Exports(), Cache(), Logs(), Metrics())
}


def verifier_of(system: str) -> Verifier:
    """The verifier of a system's code, with or without the region behind it; KeyError where there is none."""
    return VERIFIERS[system.partition("-")[0]]
