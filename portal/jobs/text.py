"""Text and JSON that may be stored and shown: no secret, no NUL, no unbounded length."""

import json
import re
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

LINE = 4000
_SECRETS = (
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+@"), r"\1***@"),
    (
        re.compile(
            r"(?i)((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]*)"
            r"[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),
    (re.compile(r"\bbwk_[\w-]+"), "***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)"), "***"),
)


def clean(text: str, limit: int = LINE) -> str:
    """Mask what looks like a credential, drop NULs, cut to `limit` characters."""
    text = text.replace("\x00", "")[: limit * 4]
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe(error: BaseException) -> str:
    """Return the class and message of an unforeseen exception, masked."""
    return clean(f"{type(error).__name__}: {error}".rstrip(": "), 1000)


def plain(value: Any) -> Any:
    """Return `value` as PostgreSQL's jsonb stores it; raises TypeError or ValueError for what it cannot hold."""
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    return json.loads(text.replace("\\u0000", "")) if "\\u0000" in text else json.loads(text)
