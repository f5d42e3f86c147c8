"""Text and JSON that may be stored and shown: no secret, no NUL, no unbounded length."""

import json
import re
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from portal.lib.masking import mask

LINE = 4000
# The repetitions are bounded: a log line is foreign text and must not cost more than its length.
_LABELLED = re.compile(
    r"(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]{0,40}"
    r"[\"']?\s{0,4}[:=]\s{0,4})(\"[^\"]{0,4000}\"?|'[^']{0,4000}'?|[^\s,;&]{1,4000})"
)
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def clean(text: str, limit: int = LINE) -> str:
    """Mask what looks like a credential, drop NULs, cut to `limit` characters."""
    text = _LABELLED.sub(r"\1***", mask(text.replace("\x00", "")[: limit * 2]))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe(error: BaseException) -> str:
    """Return the class and message of an unforeseen exception, masked."""
    return clean(f"{type(error).__name__}: {error}".rstrip(": "), 1000)


def plain(value: Any) -> Any:
    """Return `value` as PostgreSQL's jsonb stores it; raises TypeError or ValueError for what it cannot hold."""
    text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    return json.loads(_NUL.sub(r"\1", text))
