"""What must not be written down, struck out: credentials known by their shape, and this installation's own by value."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

# Every repetition is bounded: a log line is foreign text and must not cost more than its length.
SHAPES = (
    (re.compile(r"(://[^\s:/@]{0,100}:)[^\s@/]{1,500}@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,4000}"), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]{1,1000}\.[\w-]{1,2000}(?:\.[\w-]{0,2000})?"), "***"),
    (re.compile(r"\bbw[kp]_[\w-]{1,200}"), "***"),
    (re.compile(r"\bwhsec_[\w+/=-]{1,200}"), "***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,40}"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]{1,40}-----[\s\S]{0,8000}?(?:-----END [A-Z ]{1,40}-----|$)"), "***"),
)
LABELS = frozenset(
    "password admin_password cache_password secret_access_key api_key pinecone_api_key token app_key metrics_token"
    " metrics_app_key".split()
)
NEVER = re.compile(r"(?!)")
SHORTEST = 8


def mask(text: str) -> str:
    """Strike out what looks like a credential or is one of ours."""
    for pattern, instead in SHAPES:
        text = pattern.sub(instead, text)
    return _ours().sub("***", text)


def _ours() -> re.Pattern[str]:
    """Read anew when a region was added or its credentials were changed."""
    path: Path = settings.REGIONS_FILE
    try:
        return _pattern(path, path.stat().st_mtime_ns)
    except OSError:
        return _pattern(None, 0)


@functools.lru_cache(maxsize=2)
def _pattern(regions: Path | None, written_at: int) -> re.Pattern[str]:
    found = set(_of_settings())
    if regions is not None:
        found |= set(_labelled(json.loads(regions.read_text())))
    values = sorted((one for one in found if len(one) >= SHORTEST), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, values))) if values else NEVER


def _of_settings() -> Iterator[str]:
    for url in (settings.REDIS_URL, settings.DIRECT_DATABASE_URL):
        yield unquote(urlsplit(url).password or "")
    for database in settings.DATABASES.values():
        yield database.get("PASSWORD", "")
    for name in ("SECRET_KEY", "OIDC_RP_CLIENT_SECRET", "EMAIL_HOST_PASSWORD"):
        yield getattr(settings, name, "")


def _labelled(value: Any, is_secret: bool = False) -> Iterator[str]:
    """Every text under a label of a credential, and all of `users`, which are login and password."""
    if isinstance(value, dict):
        for label, inner in value.items():
            yield from _labelled(inner, is_secret or label in LABELS or label == "users")
    elif is_secret and isinstance(value, str):
        yield value
