"""Writes about access: sign in, grants, API tokens, disabling an account."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.utils.module_loading import import_string

from portal.audit.actions import record
from portal.audit.context import acting, action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Invalid, NotAllowed, Refusal

from . import policy, throttle
from .actor import Actor
from .last_admin import keep_an_administrator
from .models import ApiToken, Grant, Person, Role, Scope, User

MAX_TOKEN_LIFE = timedelta(days=366)
CLOCK_SLACK = timedelta(minutes=1)
UUID_LENGTH = 36
SIGN_IN = Actor.system("sign-in")


class NotSignedIn(Refusal):
    status, title = 401, "Not signed in"

    @classmethod
    def default_code(cls) -> str:
        return "not-signed-in"


def sign_in(*, username: str, password: str, address: str, request: Any = None) -> User:
    """Return the user for a correct password, or raise; failures are counted per account and address."""
    throttle.take(username, address)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or user.is_service:
        if throttle.failed(username, address):
            _record_lock_out(username)
        raise NotSignedIn("The name or the password is not right.")
    throttle.succeeded(username, address)
    return user


def _record_lock_out(username: str) -> None:
    with acting(SIGN_IN):
        for user in User.objects.filter(username__iexact=username.strip()):
            record("user.locked_out", user, actor=SIGN_IN, reason="too many failed sign-ins")


@action
