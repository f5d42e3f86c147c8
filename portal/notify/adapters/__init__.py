"""The ways out: one module per kind of channel, each with `check(target)` and `send(target, message)`.

No adapter imports models. `send` never raises for what the other side does: it returns an Outcome.
"""

from collections.abc import Callable, Mapping

from . import jira, mail, pagerduty, slack, teams, webhook
from .message import Message, Outcome

Target = Mapping[str, str]
Send = Callable[[Target, Message], Outcome]
Check = Callable[[Target], dict[str, str]]

SEND: dict[str, Send] = {
    "mail": mail.send,
    "webhook": webhook.send,
    "slack": slack.send,
    "teams": teams.send,
    "pagerduty": pagerduty.send,
    "jira": jira.send,
}
CHECK: dict[str, Check] = {
    "mail": mail.check,
    "webhook": webhook.check,
    "slack": slack.check,
    "teams": teams.check,
    "pagerduty": pagerduty.check,
    "jira": jira.check,
}

__all__ = ["CHECK", "SEND", "Message", "Outcome", "Target"]
