"""PagerDuty, Events API v2: one alert per message, recognised by its `dedup_key`."""

import json
from collections.abc import Mapping

from portal.lib.errors import Invalid

from .addresses import check_url
from .http import post
from .message import Message, Outcome

ENQUEUE = "https://events.pagerduty.com/v2/enqueue"


def check(target: Mapping[str, str]) -> dict[str, str]:
    """The integration key, and the service region's address where it is not the default one."""
    key = target.get("routing_key", "")
    if len(key) != 32 or not key.isalnum() or not key.isascii():
        raise Invalid(fields={"routing_key": "the 32 characters of an Events API v2 integration key"})
    return {"url": check_url(target.get("url") or ENQUEUE), "routing_key": key}


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Trigger the alert. 202 is taken; 400 means that the event itself is wrong and stays so."""
    body = {
        "routing_key": target["routing_key"],
        "event_action": "trigger",
        "dedup_key": message.id,
        "payload": {
            "summary": message.title[:1024],
            "source": "bailiwick",
            "severity": message.severity,
            "timestamp": message.at.isoformat(),
            "component": message.event,
            "custom_details": dict(message.details),
        },
        "links": [{"href": message.url, "text": "Open in Bailiwick"}] if message.url else [],
    }
    outcome = post(target["url"], json.dumps(body).encode(), {"Content-Type": "application/json"})
    return Outcome(False, "HTTP 400", 400, is_final=True) if outcome.status == 400 else outcome
