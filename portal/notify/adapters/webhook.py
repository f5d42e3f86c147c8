"""Webhooks after the Standard Webhooks specification 1.0: signed, with an id that stays the same across attempts."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping

from portal.lib.clock import now
from portal.lib.errors import Invalid

from .addresses import check_url
from .http import post
from .message import Message, Outcome

PREFIX = "whsec_"


def new_secret() -> str:
    """Return a fresh signing secret of 256 bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check(target: Mapping[str, str]) -> dict[str, str]:
    """Return the target in its stored form; a secret is made where none is given."""
    secret = target.get("secret") or new_secret()
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not secret.startswith(PREFIX) or not 24 <= size <= 64:
        raise Invalid(fields={"secret": "whsec_ and 24 to 64 bytes in base64"})
    return {"url": check_url(target.get("url", "")), "secret": secret}


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64 HMAC-SHA256>` over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Send the message; the receiver may recognise a repeated one by its `webhook-id`."""
    body = json.dumps(payload(message)).encode()
    timestamp = int(now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(target["secret"], message.id, timestamp, body),
    }
    return post(target["url"], body, headers)


def payload(message: Message) -> dict[str, object]:
    data = {
        "title": message.title,
        "severity": message.severity,
        "url": message.url,
        "tenant_id": message.tenant_id or None,
        "details": dict(message.details),
    }
    return {"type": message.event, "timestamp": message.at.isoformat(), "data": data}
