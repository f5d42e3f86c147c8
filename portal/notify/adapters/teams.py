"""Microsoft Teams, through a Workflows webhook that posts an Adaptive Card 1.4."""

import json
from collections.abc import Mapping
from typing import Any

from .addresses import check_url
from .http import post
from .message import Message, Outcome


def check(target: Mapping[str, str]) -> dict[str, str]:
    return {"url": check_url(target.get("url", ""))}


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Post a card with title, facts and a button that opens the page."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card(message)}
    body = {"type": "message", "attachments": [attachment]}
    return post(target["url"], json.dumps(body).encode(), {"Content-Type": "application/json"})


def card(message: Message) -> dict[str, Any]:
    facts = [{"title": label, "value": value} for label, value in message.details]
    opens = [{"type": "Action.OpenUrl", "title": "Open in Bailiwick", "url": message.url}] if message.url else []
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": message.title, "weight": "Bolder", "wrap": True},
            {"type": "FactSet", "facts": facts},
        ],
        "actions": opens,
    }
