"""One call: to a judged address, without redirects, proxies or patience."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Timer

import httpx

from portal.lib.clock import now

from .addresses import Refused, resolve
from .message import Outcome

TIMEOUT = httpx.Timeout(5.0, connect=3.0)
PATIENCE = 10.0  # for all of it: a receiver that sends a byte now and then never runs into the others
OURS = {"User-Agent": "Bailiwick", "Accept-Encoding": "identity"}  # packed, a short answer could be a long one
LONGEST_PAUSE = 24 * 3600.0


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Send `body` and read nothing but the status."""
    return call("POST", url, headers, body)[0]


def call(
    method: str, url: str, headers: dict[str, str], body: bytes = b"", *, reads: int = 0, patience: float = PATIENCE
) -> tuple[Outcome, bytes]:
    """Return how it went, and the first `reads` bytes of a good answer's body.

    2xx is delivered; 410 is final; all else may be tried again. The head of an answer is read up to 100 KB, and all of
    it for as long as `patience` says.
    """
    try:
        parsed = httpx.URL(url)
        address = resolve(parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))
        with (
            httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
            _hung_up_after(patience, client),
            client.stream(
                method,
                parsed.copy_with(host=address),
                content=body,
                headers={**OURS, **headers, "Host": parsed.netloc.decode()},
                extensions={"sni_hostname": parsed.host},
            ) as answer,
        ):
            outcome = _judged(answer)
            return outcome, _start_of(answer, reads) if outcome.is_delivered else b""
    except Refused as refused:
        return Outcome(False, error=f"Not sent: {refused}."), b""
    except httpx.InvalidURL:
        return Outcome(False, error="Not sent: this is no address.", is_final=True), b""
    except httpx.HTTPError as error:
        return Outcome(False, error=f"{type(error).__name__}"), b""


@contextmanager
def _hung_up_after(seconds: float, client: httpx.Client) -> Iterator[None]:
    """Close the client's connections when the time is over, which ends a call that waits on one."""
    timer = Timer(seconds, client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, RuntimeError) as error:  # what a socket closed under its reader raises
        raise httpx.ReadTimeout("hung up") from error
    finally:
        timer.cancel()


def _start_of(answer: httpx.Response, size: int) -> bytes:
    found = b""
    for piece in answer.iter_raw() if size else ():
        found += piece
        if len(found) >= size:
            break
    return found[:size]


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
