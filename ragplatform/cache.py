"""The tenant's part of Redis, under its own ACL user and prefix: rate limits, query cache, sessions.

A cache is never moved. All but the rate of requests stands under the routing epoch: where a tenant comes back to,
nothing it left behind is found again.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .binding import Binding
from .ids import new_id
from .problems import over_quota, unavailable

# The driver's default goes on for seconds; one fresh connection is all a waiting client is worth.
ONCE_MORE, NEVER = Retry(NoBackoff(), 1), Retry(NoBackoff(), 0)
QUERY_SECONDS, DAY_SECONDS, WINDOW_MS = 60, 2 * 86_400, 60_000
# A log of the last minute's requests: exact at every moment, unlike counters that start afresh each minute.
SLIDE = """
local from = tonumber(ARGV[1]) - tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', from)
local seen = redis.call('ZCARD', KEYS[1])
if seen >= tonumber(ARGV[3]) then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return {0, oldest[2] and math.ceil(oldest[2] - from) or tonumber(ARGV[2])}
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, tonumber(ARGV[3]) - seen - 1}
"""

# A bucket that holds one second's worth and fills at the pace; clocks that differ only make it fill later.
PACE = """
local now, pace = tonumber(ARGV[1]), tonumber(ARGV[2])
local left, at = pace, now
local held = redis.call('GET', KEYS[1])
if held then
  local a, b = string.match(held, '^(%S+) (%S+)$')
  left, at = tonumber(a), tonumber(b)
end
now = math.max(now, at)
left = math.min(pace, left + (now - at) * pace / 1000)
if left < 1 then return math.ceil((1 - left) * 1000 / pace) end
redis.call('SET', KEYS[1], string.format('%.6f %d', left - 1, now), 'PX', 10000)
return 0
"""


class TenantCache:
    """One tenant's keys. Every method raises Problem 503 when Redis does not answer: a limit unknown is a limit hit."""

    def __init__(self, client: "redis.Redis", prefix: str, epoch: int) -> None:
        self._redis = client
        self._rate, self._pace = prefix + "rate", prefix + "pace"
        self._prefix = f"{prefix}{epoch}:"

    def admit(self, per_minute: int) -> int:
        """Count one request in the sliding minute; what is left, or Problem 429."""
        now = time.time_ns() // 1_000_000
        allowed, number = self._ask(lambda r: r.eval(SLIDE, 1, self._rate, now, WINDOW_MS, per_minute, new_id().hex))
        if allowed:
            return int(number)
        seconds = max(1, -(-int(number) // 1000))
        raise over_quota(
            "rate-limited",
            f"The tier allows {per_minute:,} requests a minute; 0 are left for the next {seconds} s.",
            limit=per_minute,
            used=per_minute,
            resets_at=datetime.now(UTC) + timedelta(seconds=seconds),
            seconds=seconds,
            name="minute",
        )

    def pace(self, writes_per_second: int, until: datetime) -> None:
        """Take one of the region's writes of this moment, or raise Problem 429."""
        now = time.time_ns() // 1_000_000
        wait = int(self._ask(lambda r: r.eval(PACE, 1, self._pace, now, writes_per_second)))
        if wait:
            seconds = max(1, -(-wait // 1000))
            raise over_quota(
                "writes-throttled",
                f"While it is moved the tenant agreed to {writes_per_second:,} writes a second,"
                f" until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC.",
                limit=writes_per_second,
                used=writes_per_second,
                resets_at=datetime.now(UTC) + timedelta(seconds=seconds),
                seconds=seconds,
                name="writes",
            )

    def count_query(self, per_day: int, already_today: Callable[[], int]) -> int:
        """Count one query of the UTC day; what is left, or Problem 429.

        `already_today` is asked when Redis has no count (new day, or it lost its memory): the rows know.
        """
        today, reset = day_and_reset()
        key = f"{self._prefix}queries:{today}"
        seen = self._ask(lambda r: r.incr(key))
        if seen == 1:
            known = already_today()
            seen = self._ask(lambda r: (r.incrby(key, known), r.expire(key, DAY_SECONDS)))[0]
        if seen <= per_day:
            return int(per_day - seen)
        self._ask(lambda r: r.decr(key))
        seconds = max(1, int((reset - datetime.now(UTC)).total_seconds()))
        raise over_quota(
            "daily-queries-used-up",
            f"The tier allows {per_day:,} queries a day; 0 are left until {reset:%Y-%m-%d %H:%M} UTC.",
            limit=per_day,
            used=max(per_day, int(seen) - 1),
            resets_at=reset,
            seconds=seconds,
            name="day",
        )

    def answer(self, question: str) -> tuple[str, list[tuple[UUID, int, float]] | None]:
        """The key of a question at the current state of the documents, and the cached places if there are any."""
        digest = hashlib.sha256(question.encode()).hexdigest()
        key = f"{self._prefix}answer:{self._ask(lambda r: r.get(self._prefix + 'generation')) or 0}:{digest}"
        found = self._ask(lambda r: r.get(key))
        if found is None:
            return key, None
        return key, [(UUID(document), ordinal, score) for document, ordinal, score in json.loads(found)]

    def remember(self, key: str, places: list[tuple[UUID, int, float]]) -> None:
        """Keep an answer for a minute: places and scores only, never text."""
        body = json.dumps([(str(document), ordinal, score) for document, ordinal, score in places])
        self._ask(lambda r: r.set(key, body, ex=QUERY_SECONDS))

    def documents_changed(self) -> None:
        """Make every cached answer unreachable."""
        self._ask(lambda r: r.incr(self._prefix + "generation"))

    def session(self, token_sha256: str) -> UUID | None:
        """The user of a session, when it is known here."""
        found = self._ask(lambda r: r.get(f"{self._prefix}session:{token_sha256}"))
        return UUID(found) if found else None

    def open_session(self, token_sha256: str, user_id: UUID, seconds: int) -> None:
        """Keep a session until it expires."""
        self._ask(lambda r: r.set(f"{self._prefix}session:{token_sha256}", str(user_id), ex=max(1, seconds)))

    def close_sessions(self, token_sha256s: list[str]) -> None:
        """Forget sessions at once."""
        if token_sha256s:
            self._ask(lambda r: r.delete(*(f"{self._prefix}session:{token}" for token in token_sha256s)))

    def _ask(self, command: "Callable[[redis.Redis], Any]") -> Any:
        try:
            return command(self._redis)
        except redis.RedisError as error:
            raise unavailable(f"The region's cache does not answer ({type(error).__name__}).") from error


class Caches:
    """The tenants' caches; a rotated password makes a new connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._held: dict[UUID, tuple[str, redis.Redis]] = {}
        self._lock = threading.Lock()

    def of(self, binding: Binding) -> TenantCache:
        """The tenant's cache at the binding's epoch."""
        held = self._held.get(binding.tenant_id)
        if held is None or held[0] != binding.cache_password:
            with self._lock:
                held = self._held[binding.tenant_id] = binding.cache_password, self._connect(binding)
        return TenantCache(held[1], binding.cache_prefix, binding.epoch)

    def ready(self) -> bool:
        """Whether the server answers at all; that it wants a password is an answer."""
        try:
            probe = redis.Redis(
                host=self._host, port=self._port, socket_timeout=1, socket_connect_timeout=1, retry=NEVER
            )
            with probe:
                probe.ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        return True

    def _connect(self, binding: Binding) -> "redis.Redis":
        return redis.Redis(
            host=self._host,
            port=self._port,
            username=binding.cache_user,
            password=binding.cache_password,
            decode_responses=True,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=ONCE_MORE,
            # the handshake's extras (CLIENT SETINFO) are not among a tenant's commands
            lib_name=None,
            lib_version=None,
        )


def day_and_reset() -> tuple[str, datetime]:
    """Today in UTC and the moment it ends."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today.strftime("%Y-%m-%d"), today + timedelta(days=1)
