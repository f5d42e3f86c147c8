"""One token bucket per provider and account, shared by all processes through Redis, and a provider's wish to wait.

Without REDIS_URL the bucket is this process's own. Rates can be set as BAILIWICK_RATE_<PROVIDER>="per second/burst".
"""

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

import redis
from bailiwick_client.redis_at import connect

from lifecycle.stores.errors import Transient

RATES = {"aws": (200.0, 400.0), "pinecone": (50.0, 100.0), "weaviate": (50.0, 100.0)}

# KEYS[1] bucket; ARGV rate, burst. Returns 0 when a token was taken, else the milliseconds to wait.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'blocked_until')
local blocked = tonumber(bucket[3]) or 0
if blocked > now then return blocked - now end
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens = tonumber(bucket[1]) or burst
tokens = math.min(burst, tokens + math.max(0, now - (tonumber(bucket[2]) or now)) * rate / 1000)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * 1000 / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 60000)
return wait
"""
BLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local till = math.max(tonumber(redis.call('HGET', KEYS[1], 'blocked_until')) or 0, now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'blocked_until', till)
redis.call('PEXPIRE', KEYS[1], till - now + 60000)
return 0
"""


_last_look: ContextVar[Callable[[], None] | None] = ContextVar("last_look", default=None)


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    """Inside, `look` is asked right before each call to a provider leaves, and raises to keep it from leaving.

    That is after the wait for a token: also of a call that was slowed down, and of each retry. A hold that was placed
    meanwhile is so met by the next call, however long that one had to wait. What was to be asked outside is as well.
    """
    outer = _last_look.get()

    def both() -> None:
        if outer is not None:
            outer()
        look()

    token = _last_look.set(both)
    try:
        yield
    finally:
        _last_look.reset(token)


class Tokens(Protocol):
    """Where a bucket's tokens are kept."""

    def take(self, rate: float, burst: float) -> float:
        """Take a token and return 0, or return the seconds to wait."""

    def block(self, seconds: float) -> None:
        """Give nobody a token for so long."""


class SharedTokens:
    """Tokens in Redis: atomic by script, on Redis's own clock."""

    def __init__(self, connection: redis.Redis, key: str) -> None:
        self._take = connection.register_script(TAKE)
        self._block = connection.register_script(BLOCK)
        self._key = key

    def take(self, rate: float, burst: float) -> float:
        return float(self._take(keys=[self._key], args=[rate, burst])) / 1000

    def block(self, seconds: float) -> None:
        self._block(keys=[self._key], args=[int(seconds * 1000)])


class OwnTokens:
    """Tokens of this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: float | None = None
        self._at = time.monotonic()
        self._blocked_until = 0.0

    def take(self, rate: float, burst: float) -> float:
        with self._lock:
            now = time.monotonic()
            if now < self._blocked_until:
                return self._blocked_until - now
            tokens = burst if self._tokens is None else min(burst, self._tokens + (now - self._at) * rate)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / rate
            self._tokens, self._at = (tokens - 1 if wait == 0 else tokens), now
            return wait

    def block(self, seconds: float) -> None:
        with self._lock:
            self._blocked_until = max(self._blocked_until, time.monotonic() + seconds)


@dataclass(frozen=True)
class Throttle:
    """A bucket with its rate. `take` waits for a token; `back_off` stops everybody, as the provider asked."""

    provider: str
    tokens: Tokens
    rate: float
    burst: float

    def take(self, patience: float = 30.0) -> None:
        """Return holding a token, or raise Transient when that would take longer than `patience` seconds.

        What `looking` asks for is asked last.
        """
        deadline = time.monotonic() + patience
        while (wait := self.tokens.take(self.rate, self.burst)) > 0:
            if time.monotonic() + wait > deadline:
                raise Transient(self.provider, "throttle", "the account's rate is used up", retry_after=wait)
            time.sleep(wait)
        if (look := _last_look.get()) is not None:
            look()

    def back_off(self, seconds: float) -> None:
        """Let nobody call this provider and account for so long (at most five minutes)."""
        self.tokens.block(min(max(seconds, 0.1), 300.0))


@functools.cache
def throttle(provider: str, account: str) -> Throttle:
    """Return the bucket of one provider and account."""
    rate, burst = _rate(provider)
    url = os.environ.get("REDIS_URL", "")
    if not url:
        return Throttle(provider, OwnTokens(), rate, burst)
    connection = connect(url, socket_timeout=2, socket_connect_timeout=2)
    return Throttle(provider, SharedTokens(connection, f"throttle:{provider}:{account}"), rate, burst)


def retry_after(header: str | None, default: float = 1.0) -> float:
    """Return the seconds a Retry-After header asks for; `default` for a missing or unreadable one."""
    try:
        return max(0.0, float(header)) if header else default
    except ValueError:
        return default


def _rate(provider: str) -> tuple[float, float]:
    said = os.environ.get(f"BAILIWICK_RATE_{provider.upper()}", "")
    if not said:
        return RATES.get(provider, (20.0, 40.0))
    rate, _, burst = said.partition("/")
    return float(rate), float(burst or rate)
