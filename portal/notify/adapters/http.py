"""One POST: to a judged address, without redirects, proxies or patience."""

from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from portal.lib.clock import now

from .addresses import Refused, resolve
from .message import Outcome

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
LONGEST_PAUSE = 24 * 3600.0


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Send `body` and read nothing but the status. 2xx is delivered; 410 is final; all else may be tried again."""
    parsed = httpx.URL(url)
    try:
        address = resolve(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))
        with (
            httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "POST",
                parsed.copy_with(host=address),
                content=body,
                headers={"User-Agent": "Bailiwick", **headers, "Host": parsed.netloc.decode()},
                extensions={"sni_hostname": parsed.host},
            ) as answer,
        ):
            return _judged(answer)
    except Refused as refused:
        return Outcome(False, error=f"Not sent: {refused}.")
    except httpx.HTTPError as error:
        return Outcome(False, error=f"{type(error).__name__}")


def _judged(answer: httpx.Response) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return Outcome(True, status=status)
    pause = _retry_after(answer.headers.get("Retry-After", "")) if status in (429, 503) else None
    return Outcome(False, error=f"HTTP {status}", status=status, retry_after=pause, is_final=status == 410)


def _retry_after(text: str) -> float | None:
    """Seconds to wait, from a number or an HTTP date (RFC 9110 §10.2.3)."""
    if text.strip().isdecimal():
        seconds = float(text)
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now()).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE)
