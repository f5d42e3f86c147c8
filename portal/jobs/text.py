"""Text and JSON that may be stored and shown: no secret, no NUL, no unbounded length."""

import json
import re
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

LINE = 4000
# Every repetition is bounded: a log line is foreign text and must not cost more than its length.
_SECRETS = (
    (re.compile(r"(://[^\s:/@]{0,100}:)[^\s@/]{1,500}@"), r"\1***@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]{0,40}"
            r"[\"']?\s{0,4}[:=]\s{0,4})(\"[^\"]{0,4000}\"?|'[^']{0,4000}'?|[^\s,;&]{1,4000})"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,4000}"), r"\1 ***"),
    (re.compile(r"\beyJ[\w-]{1,1000}\.[\w-]{1,2000}(?:\.[\w-]{0,2000})?"), "***"),
    (re.compile(r"\bbw[kp]_[\w-]{1,200}"), "***"),
    (re.compile(r"\bwhsec_[\w+/=-]{1,200}"), "***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,40}"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]{1,40}-----[\s\S]{0,8000}?(?:-----END [A-Z ]{1,40}-----|$)"), "***"),
)
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def clean(text: str, limit: int = LINE) -> str:
    """Mask what looks like a credential, drop NULs, cut to `limit` characters."""
    text = text.replace("\x00", "")[: limit * 2]
    for pattern, mask in _SECRETS:
        text = pattern.sub(mask, text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe(error: BaseException) -> str:
    """Return the class and message of an unforeseen exception, masked."""
    return clean(f"{type(error).__name__}: {error}".rstrip(": "), 1000)


def plain(value: Any) -> Any:
    """Return `value` as PostgreSQL's jsonb stores it; raises TypeError or ValueError for what it cannot hold."""
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    return json.loads(_NUL.sub(r"\1", text))
