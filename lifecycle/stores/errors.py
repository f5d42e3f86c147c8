"""What a store answered when it refused, with its own words kept."""


class StoreError(Exception):
    """A call to a store failed. `message` is the provider's own; it never holds a secret."""

    def __init__(self, system: str, operation: str, message: str) -> None:
        super().__init__(f"{system}: {operation}: {message}")
        self.system = system
        self.operation = operation
        self.message = message


class Transient(StoreError):
    """The same call may succeed later. `retry_after` is the provider's wish in seconds, where it gave one."""

    is_transient = True

    def __init__(self, system: str, operation: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(system, operation, message)
        self.retry_after = retry_after


class Permanent(StoreError):
    """The same call will fail again until somebody changes something."""

    is_transient = False


class ForeignResource(Permanent):
    """A resource of that name exists and carries another tenant's tag: it is never adopted and never touched."""


class Held(Permanent):
    """The store keeps what it has of the tenant under a legal hold, or has no word that it does not."""
