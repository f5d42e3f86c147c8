"""A region's Redis: a census of every key of every database, and a look into those that several tenants might share."""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from portal.lib.regions import Region

from .answering import NotChecked, Seen, Sought, answers
from .looking import Answer, Question, Together
from .manifest import Manifests

PAGE = 1_000
PLAIN = string.punctuation.replace("%", "").replace("?", "")
OF_A_TENANT = re.compile(r"t:([0-9a-f]{32}):")
QUERY = (
    "INFO; of every database SCAN over all keys, compared by whole segments; of keys that are no other tenant's, and"
    " of the tenant's own where a person is sought, every value, field, member and entry"
)


Parts = Iterator[tuple[str, str]]
"""How a manifest names each part of a key, and all that the part says."""


class Cache(Together):
    """Counts keys that name the subject, and keys in which it is named."""

    name = "cache"

    def __init__(self, patience: float = 20.0) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        user = questions[0].region.verifier.cache_user
        return answers(self.name, user, QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen]:
        region, seen = questions[0].region, [Seen() for _ in questions]
        manifests, sought = Manifests(questions, self.name), Sought(questions)
        for number in databases(region, self._patience):
            with client(region, self._patience, number) as found:
                left: list[set[str]] = [set() for _ in questions]
                for key in keys(found):
                    manifests.look(_quoted(key))
                    for one in _left_for(found, key, questions, sought, manifests):
                        left[one].add(key)
                for one, theirs in enumerate(left):
                    seen[one].by[f"database {number}"] = len(theirs)
        for one, what in enumerate(seen):
            what.listed = manifests.listed(one)
        return seen


def client(region: Region, patience: float, number: int = 0) -> Any:
    """A connection with the read-only login; NotChecked where the region gives none."""
    login = region.verifier
    if not login.cache_user or not login.cache_password:
        raise NotChecked(f"No read-only credentials for the cache of {region.name} are configured.")
    return redis.Redis(
        **region.cache.address(),
        db=number,
        username=login.cache_user,
        password=login.cache_password,
        socket_timeout=patience,
        socket_connect_timeout=min(3.0, patience),
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        encoding_errors="surrogateescape",
        lib_name=None,
        lib_version=None,
    )


def databases(region: Region, patience: float) -> list[int]:
    """The numbers of the databases that hold keys."""
    with client(region, patience) as found:
        said = _heard(found.info)
    if not isinstance(said, dict) or "redis_version" not in said:
        raise NotChecked("The cache's INFO does not say what the server is.")
    return sorted(int(name.removeprefix("db")) for name in said if re.fullmatch(r"db[0-9]+", str(name)))


def keys(found: Any) -> Iterator[str]:
    """Every key of a database, some of them twice; NotChecked where none come and some were there all the while."""
    least, seen, cursor = _heard(found.dbsize), 0, 0
    while True:
        cursor, page = _heard(found.scan, cursor=cursor, count=PAGE)
        seen += len(page)
        yield from page
        if not int(cursor):
            break
    if not seen and min(least, _heard(found.dbsize)) > 0:
        raise NotChecked(f"The cache counts {least} keys and lists none.")


def _left_for(found: Any, key: str, questions: Sequence[Question], sought: Sought, manifests: Manifests) -> set[int]:
    """For which questions the key, or what is in it, names the subject. What another tenant's key holds is theirs."""
    named = sought.named_in(key)
    owner = OF_A_TENANT.match(key)
    within = {number for number, one in enumerate(questions) if number not in named and _is_read(owner, one)}
    if within:
        for part, text in content(found, key):
            manifests.look(f"{_quoted(key)}?{part}")
            named |= sought.named_in(text) & within
    return named


def _is_read(owner: re.Match[str] | None, question: Question) -> bool:
    return owner is None or (owner[1] == question.tenant_id.hex and question.kind != "tenant")


def content(found: Any, key: str) -> Parts:
    """Everything a key holds; nothing where it has expired meanwhile."""
    kind = _heard(found.type, key)
    if kind == "none":
        return
    if kind not in READ:
        raise NotChecked(f"The cache holds a key of type {kind}, which cannot be looked into.")
    yield from READ[kind](found, key)


def _string(found: Any, key: str) -> Parts:
    yield "", _heard(found.get, key) or ""


def _list(found: Any, key: str) -> Parts:
    start = 0
    while page := _heard(found.lrange, key, start, start + PAGE - 1):
        yield from ((f"item={_quoted(one)}", one) for one in page)
        start += PAGE


def _scanned(command: str, word: str) -> Callable[[Any, str], Parts]:
    def read(found: Any, key: str) -> Parts:
        cursor = 0
        while True:
            cursor, page = _heard(getattr(found, command), key, cursor=cursor, count=PAGE)
            for one in page.items() if isinstance(page, dict) else page:
                name, text = (one[0], f"{one[0]} {one[1]}") if isinstance(one, tuple) else (one, one)
                yield f"{word}={_quoted(name)}", text
            if not int(cursor):
                return

    return read


def _stream(found: Any, key: str) -> Parts:
    after = "-"
    while page := _heard(found.xrange, key, min=after, count=PAGE):
        for entry, fields in page:
            yield f"entry={_quoted(entry)}", " ".join(f"{name} {value}" for name, value in (fields or {}).items())
            after = f"({entry}"


READ: dict[str, Callable[[Any, str], Parts]] = {
    "string": _string,
    "list": _list,
    "set": _scanned("sscan", "member"),
    "zset": _scanned("zscan", "scored"),
    "hash": _scanned("hscan", "field"),
    "stream": _stream,
}


def _quoted(text: str) -> str:
    """As a manifest writes a key and its parts."""
    return quote(text, safe=PLAIN, errors="surrogateescape")


def _heard(command: Any, *arguments: Any, **more: Any) -> Any:
    try:
        return command(*arguments, **more)
    except RedisError as error:
        raise NotChecked(f"The cache did not answer: {type(error).__name__}: {str(error)[:120]}.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise NotChecked(f"The cache's answer was not understood ({type(error).__name__}).") from error
