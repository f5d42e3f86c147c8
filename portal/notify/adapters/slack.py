"""Slack, through an incoming webhook."""

import json
from collections.abc import Mapping

from .addresses import check_url
from .http import post
from .message import Message, Outcome


def check(target: Mapping[str, str]) -> dict[str, str]:
    return {"url": check_url(target.get("url", ""))}


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Post title, details and a link that opens the page."""
    lines = [f"*{_plain(message.title)}*", *(f"{_plain(label)}: {_plain(value)}" for label, value in message.details)]
    if message.url:
        lines.append(f"<{message.url}|Open in Bailiwick>")
    body = {"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False}
    return post(target["url"], json.dumps(body).encode(), {"Content-Type": "application/json"})


def _plain(text: str) -> str:
    """Escape Slack's three control characters, so that no text becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
