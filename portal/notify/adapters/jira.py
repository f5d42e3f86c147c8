"""Jira Cloud and Data Center, REST API v2: one issue per message.

Jira knows no idempotency key, so the issue carries the message's id as a label and is looked for by it before it is
created: an attempt whose answer was lost makes no second issue.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from portal.lib.errors import Invalid

from .addresses import check_url
from .http import call
from .message import Message, Outcome

PROJECT, ISSUE = re.compile(r"[A-Z][A-Z0-9_]{1,49}"), re.compile(r"[A-Z][A-Z0-9_]*-[0-9]+")
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
LONGEST_ANSWER, SEARCH_PATIENCE = 65_536, 5.0
INDEXED_AFTER = 60.0  # Cloud's search finds a new issue some seconds later
NEVER_BETTER = (400, 401, 403, 404, 422)
MARKUP = re.compile(r"([\\{}\[\]|!*])")


def check(target: Mapping[str, str]) -> dict[str, str]:
    """The site, the project, and an API token: with its e-mail on Cloud, alone (a personal one) on Data Center."""
    email, token, project = (target.get(name, "") for name in ("email", "token", "project"))
    kind = " ".join((target.get("issue_type") or "Task").split())
    url = check_url(target.get("url", "")).rstrip("/")
    wrong = {
        "url": "the site alone, such as https://acme.atlassian.net" if urlsplit(url).query else "",
        "email": "" if not email or (HEADER_SAFE.fullmatch(email) and ":" not in email) else "is not an address",
        "token": "" if HEADER_SAFE.fullmatch(token) and len(token) <= 1000 else "give an API token",
        "project": "" if PROJECT.fullmatch(project) else "a project's key, such as OPS",
        "issue_type": "" if kind.isprintable() and len(kind) <= 60 else "the name of an issue type, such as Task",
    }
    if any(wrong.values()):
        raise Invalid(fields={name: words for name, words in wrong.items() if words})
    return {"url": url, "email": email, "token": token, "project": project, "issue_type": kind}


def send(target: Mapping[str, str], message: Message) -> Outcome:
    """Create the issue, unless an earlier attempt did; the outcome's link is its page."""
    label, headers = f"bailiwick-{message.id}", _headers(target)
    outcome, said = call("GET", _search(target, label), headers, reads=LONGEST_ANSWER, patience=SEARCH_PATIENCE)
    if not outcome.is_delivered:
        return _judged(outcome)
    issues = _read(said).get("issues")
    if not isinstance(issues, list):  # such as a page to sign in on: to create now could be to create twice
        return Outcome(False, error="The search was not answered by Jira", status=outcome.status)
    if issues:
        return replace(outcome, link=_page(target, issues[0]))
    body = json.dumps({"fields": _fields(target, message, label)}).encode()
    outcome, said = call("POST", f"{target['url']}/rest/api/2/issue", headers, body, reads=LONGEST_ANSWER)
    if outcome.is_delivered:
        return replace(outcome, link=_page(target, _read(said)))
    if outcome.status is None or outcome.status >= 500:  # it may exist all the same
        return replace(outcome, retry_after=max(outcome.retry_after or 0.0, INDEXED_AFTER))
    return _judged(outcome)


def _search(target: Mapping[str, str], label: str) -> str:
    """Cloud has taken away the search that Data Center has (Atlassian's CHANGE-2046)."""
    path = "search/jql" if target["email"] else "search"
    query = urlencode({"jql": f'labels = "{label}"', "fields": "key", "maxResults": 1})
    return f"{target['url']}/rest/api/2/{path}?{query}"


def _headers(target: Mapping[str, str]) -> dict[str, str]:
    basic = base64.b64encode(f"{target['email']}:{target['token']}".encode()).decode()
    credential = f"Basic {basic}" if target["email"] else f"Bearer {target['token']}"
    return {"Authorization": credential, "Accept": "application/json", "Content-Type": "application/json"}


def _fields(target: Mapping[str, str], message: Message, label: str) -> dict[str, Any]:
    lines = [f"*{_plain(name)}*: {_plain(value)}" for name, value in message.details]
    return {
        "project": {"key": target["project"]},
        "issuetype": {"name": target["issue_type"]},
        "summary": message.title[:255],
        "description": "\n".join([*lines, message.url])[:30_000],
        "labels": ["bailiwick", label],
    }


def _plain(text: str) -> str:
    """Escape the wiki's own characters, so that no text becomes a link, a picture or a macro."""
    return MARKUP.sub(r"\\\1", text)


def _judged(outcome: Outcome) -> Outcome:
    """A wrong token, project or field stays wrong until somebody changes it."""
    return replace(outcome, is_final=outcome.is_final or outcome.status in NEVER_BETTER)


def _read(said: bytes) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _page(target: Mapping[str, str], issue: Any) -> str:
    key = str(issue.get("key", "")) if isinstance(issue, dict) else ""
    return f"{target['url']}/browse/{key}" if ISSUE.fullmatch(key) else ""
