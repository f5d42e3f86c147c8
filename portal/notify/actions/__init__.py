"""Every write of notices: tell people, mark as read, and keep the channels."""

from .channels import add_route, create_channel, new_channel_secret, remove_route, send_test, stop_channel
from .notices import mark_all_read, mark_read, notify

__all__ = [
    "add_route",
    "create_channel",
    "mark_all_read",
    "mark_read",
    "new_channel_secret",
    "notify",
    "remove_route",
    "send_test",
    "stop_channel",
]
