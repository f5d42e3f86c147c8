"""Sign-in throttling: a counter per account and one per address, in the shared cache.

NIST SP 800-63B §5.2.2 asks for a limit on consecutive failures; both counters expire by themselves, so nobody can
lock a colleague out for longer than the window.
"""

import hashlib

from django.conf import settings
from django.core.cache import cache

from portal.lib.errors import Refusal


class TooManyAttempts(Refusal):
    status, title = 429, "Too many attempts"

    @classmethod
    def default_code(cls) -> str:
        return "too-many-attempts"


def _keys(username: str, address: str) -> dict[str, int]:
    account = hashlib.sha256(username.strip().lower().encode()).hexdigest()[:32]
    return {
        f"signin:a:{account}": settings.SIGNIN_FAILURES_PER_ACCOUNT,
        f"signin:i:{address}": settings.SIGNIN_FAILURES_PER_ADDRESS,
    }


def check(username: str, address: str) -> None:
    """Raise TooManyAttempts if this account or address has failed too often in the window."""
    keys = _keys(username, address)
    counts = cache.get_many(keys)
    if any(counts.get(key, 0) >= limit for key, limit in keys.items()):
        minutes = settings.SIGNIN_WINDOW_SECONDS // 60
        raise TooManyAttempts(f"Too many failed sign-ins. Try again in {minutes} minutes.")


def failed(username: str, address: str) -> None:
    """Count one failure."""
    for key in _keys(username, address):
        cache.add(key, 0, settings.SIGNIN_WINDOW_SECONDS)
        cache.incr(key)


def succeeded(username: str, address: str) -> None:
    """Forget the account's failures after a success."""
    cache.delete(next(iter(_keys(username, address))))
