"""One HTTP question and its answer. Anything but a whole answer of the right kind is NotChecked."""

from collections.abc import Collection
from typing import Any

import httpx

from .answering import NotChecked


def text(client: httpx.Client, url: str, asked: str, kind: str, **arguments: Any) -> str:
    """The text of a 200 of this media type."""
    return _answered(client, "GET", url, asked, kind, arguments).text


def page(
    client: httpx.Client, method: str, url: str, asked: str, needs: Collection[str], **arguments: Any
) -> dict[str, Any]:
    """The object of a JSON answer that has these fields."""
    answer = _answered(client, method, url, asked, "json", arguments)
    try:
        found = answer.json()
    except ValueError as error:
        raise NotChecked(f"{asked}: the answer is not whole JSON.") from error
    missing = [name for name in needs if not isinstance(found, dict) or name not in found]
    if missing:
        raise NotChecked(f"{asked}: the answer lacks {', '.join(missing)}.")
    return dict(found)


def _answered(
    client: httpx.Client, method: str, url: str, asked: str, kind: str, arguments: dict[str, Any]
) -> httpx.Response:
    try:
        answer = client.request(method, url, **arguments)
    except httpx.TimeoutException as error:
        raise NotChecked(f"{asked}: no answer in time.") from error
    except httpx.HTTPError as error:
        raise NotChecked(f"{asked}: no whole answer ({type(error).__name__}).") from error
    if answer.status_code != 200:
        raise NotChecked(f"{asked}: refused with status {answer.status_code}.")
    media = answer.headers.get("content-type", "").partition(";")[0]
    if kind not in media:
        raise NotChecked(f"{asked}: the answer is {media or 'of no stated kind'}, not {kind}.")
    return answer
