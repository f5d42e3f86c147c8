"""Independent eyes: each verifier looks at one kind of store with read-only credentials of its own.

Nothing here is shared with the code that deletes, and no model of the portal is read: import-linter holds both.
"""

from .catalogue import VERIFIERS, verifier_of

__all__ = ["VERIFIERS", "verifier_of"]
