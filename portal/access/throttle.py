"""Sign-in throttling: failures per account and per address, counted in the shared Redis.

NIST SP 800-63B §5.2.2 asks for a limit on consecutive failures. An attempt takes its place among the failures before
the password is looked at, in one script, so that however many processes are asked at once, no more than the limit of
guesses is ever looked at. Counters expire by themselves: nobody locks a colleague out for longer than the window.
Without Redis nobody signs in (503): an uncounted guess is worse than a minute without new sessions. Those who are
signed in stay so.
"""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from bailiwick_client.redis_at import connect
from django.conf import settings

from portal.lib.errors import Refusal

log = structlog.get_logger(__name__)

# KEYS account, address; ARGV limit of each, window in seconds. A place is taken in both or in neither.
# Returns {0, 0}, or {1, seconds} when failures fill a counter, {2, 1} when attempts still being looked at do.
TAKE = """
for i = 1, 2 do
  local kept = redis.call('HMGET', KEYS[i], 'failed', 'held')
  local failed, held, limit = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(ARGV[i])
  if failed >= limit then return {1, redis.call('TTL', KEYS[i])} end
  if failed + held >= limit then return {2, 1} end
end
for i = 1, 2 do
  redis.call('HINCRBY', KEYS[i], 'held', 1)
  if redis.call('TTL', KEYS[i]) < 0 then redis.call('EXPIRE', KEYS[i], ARGV[3]) end
end
return {0, 0}
"""
# KEYS account, address; ARGV 1 for a failure. Returns the account's failures. A success forgets them.
SETTLE = """
for i = 1, 2 do
  if (tonumber(redis.call('HGET', KEYS[i], 'held')) or 0) > 0 then redis.call('HINCRBY', KEYS[i], 'held', -1) end
  if ARGV[1] == '1' then redis.call('HINCRBY', KEYS[i], 'failed', 1) end
  if redis.call('TTL', KEYS[i]) < 0 then redis.call('EXPIRE', KEYS[i], ARGV[2]) end
end
if ARGV[1] ~= '1' then redis.call('HDEL', KEYS[1], 'failed') end
return tonumber(redis.call('HGET', KEYS[1], 'failed')) or 0
"""


class TooManyAttempts(Refusal):
    """`retry_after` says in how many seconds the next attempt will be looked at."""

    status, title = 429, "Too many attempts"

    @classmethod
    def default_code(cls) -> str:
        return "too-many-attempts"


class Uncounted(Refusal):
    """Attempts cannot be counted now, so none is made."""

    status, title = 503, "Nobody can sign in at the moment"

    @classmethod
    def default_code(cls) -> str:
        return "sign-in-unavailable"


def take(username: str, address: str) -> None:
    """Take a place for one attempt, to be given back by `failed` or `succeeded`; raise TooManyAttempts without one."""
    limits = [settings.SIGNIN_FAILURES_PER_ACCOUNT, settings.SIGNIN_FAILURES_PER_ADDRESS]
    with _counting() as store:
        found, seconds = store.eval(TAKE, 2, *_keys(username, address), *limits, settings.SIGNIN_WINDOW_SECONDS)
    if found == 1:
        minutes = -(-seconds // 60)
        text = f"Too many failed sign-ins. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        raise TooManyAttempts(text, retry_after=seconds)
    if found == 2:
        raise TooManyAttempts("Too many sign-ins at once. Try again in a second.", retry_after=1)


def failed(username: str, address: str) -> bool:
    """Turn the place into a failure; True when it is the one that locks the account."""
    with _counting() as store:
        count = store.eval(SETTLE, 2, *_keys(username, address), 1, settings.SIGNIN_WINDOW_SECONDS)
    return bool(count == settings.SIGNIN_FAILURES_PER_ACCOUNT)


def succeeded(username: str, address: str) -> None:
    """Give the place back and forget the account's failures."""
    with _counting() as store:
        store.eval(SETTLE, 2, *_keys(username, address), 0, settings.SIGNIN_WINDOW_SECONDS)


def locked_for(username: str) -> int:
    """Return for how many seconds the account is still locked out, 0 when it is not or nobody can tell."""
    key = _keys(username, "")[0]
    try:
        with _counting() as store:
            count, left = int(store.hget(key, "failed") or 0), store.ttl(key)
    except Uncounted:
        return 0
    return max(0, left) if count >= settings.SIGNIN_FAILURES_PER_ACCOUNT else 0


def _keys(username: str, address: str) -> list[str]:
    account = hashlib.sha256(username.strip().lower().encode()).hexdigest()[:32]
    return [f"signin:a:{account}", f"signin:i:{address}"]


@functools.cache
def _store(url: str) -> Any:
    return connect(url, socket_timeout=2, socket_connect_timeout=2)


@contextmanager
def _counting() -> Iterator[Any]:
    try:
        yield _store(settings.REDIS_URL)
    except redis.RedisError as error:
        log.error("signin.uncounted", error=type(error).__name__)
        raise Uncounted("Sign-in attempts cannot be counted, so none is made. Try again in a minute.") from error
