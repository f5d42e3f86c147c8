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
def create_user(*, actor: Actor, username: str, full_name: str, email: str, password: str | None, reason: str) -> User:
    """Create a sign-in account with its person."""
    policy.require(actor, "access.edit")
    if User.objects.filter(username=username).exists():
        raise Invalid(fields={"username": "is taken"})
    user = User.objects.create_user(username, password)
    Person.objects.create(user=user, full_name=full_name, email=email)
    record("user.created", user, actor=actor, reason=reason)
    return user


@action
def grant(
    *,
    actor: Actor,
    user: User,
    role: str,
    reason: str,
    scope_type: str = Scope.GLOBAL,
    scope_id: str = "",
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> Grant:
    """Give `user` a role between two dates, by default from now on. Nobody grants to themselves."""
    policy.require(actor, "access.edit")
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotAllowed("Nobody grants a role to themselves; ask another administrator.", code="self-grant")
    at = now()
    _check_grant(role, scope_type, scope_id, reason)
    _check_dates(at, valid_from, valid_until)
    row = Grant.objects.create(
        user=user,
        role=role,
        scope_type=scope_type,
        scope_id=scope_id,
        valid_from=valid_from or at,
        valid_until=valid_until,
        granted_by=actor.id,
        reason=reason,
    )
    record("grant.given", row, actor=actor, reason=reason, data={"role": role, "user": user.pk, "scope": scope_id})
    return row


def _check_grant(role: str, scope_type: str, scope_id: str, reason: str) -> None:
    if role not in Role.values:
        raise Invalid(fields={"role": f"one of {', '.join(Role.values)}"})
    if scope_type not in Scope.values:
        raise Invalid(fields={"scope_type": f"one of {', '.join(Scope.values)}"})
    if (scope_type == Scope.GLOBAL) != (scope_id == ""):
        raise Invalid(fields={"scope_id": "name the tenant or business unit, or leave it empty for everything"})
    if scope_id and not is_a_scope(scope_type, scope_id):
        raise Invalid(fields={"scope_id": "there is no such tenant or business unit"})
    need_reason(reason)


def is_a_scope(scope_type: str, scope_id: str) -> bool:
    """True if there is such a tenant or business unit; the floor above knows."""
    if scope_type == Scope.TENANT:
        try:
            UUID(scope_id)
        except ValueError:
            return False
    elif len(scope_id) == UUID_LENGTH:
        return False
    return scope_id in import_string(settings.SCOPE_NAMES)([scope_id])


def _check_dates(at: datetime, valid_from: datetime | None, valid_until: datetime | None) -> None:
    if valid_from is not None and valid_from < at - CLOCK_SLACK:
        raise Invalid(fields={"valid_from": "a grant is not given for the past"})
    if valid_until is not None and valid_until <= (valid_from or at):
        raise Invalid(fields={"valid_until": "must come after the grant begins"})


def need_reason(reason: str) -> None:
    """Refuse an empty one."""
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})


@action
def revoke(grant_id: Any, *, actor: Actor, reason: str) -> Grant:
    """End a grant now."""
    policy.require(actor, "access.edit")
    need_reason(reason)
    row = Grant.objects.select_for_update().filter(pk=grant_id).first()
    if row is None:
        raise Absent("There is no such grant.")
    if row.revoked_at is None:
        keep_an_administrator(without=row)
        row.revoked_at = now()
        row.save(update_fields=["revoked_at"])
        record("grant.revoked", row, actor=actor, reason=reason, data={"role": row.role, "user": row.user_id})
    return row


@action
def disable(user_id: Any, *, actor: Actor, reason: str) -> User:
    """Let nobody in by this account any more: its sessions, access tokens and API tokens end now, for good."""
    user = _account(user_id, actor, reason)
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotAllowed("Nobody disables their own account; ask another administrator.", code="self-disable")
    if user.is_active:
        keep_an_administrator(without=user)
        user.is_active = False
        user.credential_epoch += 1
        user.save(update_fields=["is_active", "credential_epoch"])
        ended = user.api_tokens.filter(revoked_at=None).update(revoked_at=now())
        record("user.disabled", user, actor=actor, reason=reason, data={"api_tokens_ended": ended})
        emit("user.disabled", {"user_id": user.pk})
    return user


@action
def enable(user_id: Any, *, actor: Actor, reason: str) -> User:
    """Let the account sign in again. What ended when it was disabled stays ended."""
    user = _account(user_id, actor, reason)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
        record("user.enabled", user, actor=actor, reason=reason)
    return user


def _account(user_id: Any, actor: Actor, reason: str) -> User:
    policy.require(actor, "access.edit")
    need_reason(reason)
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Absent("There is no such account.")
    return user


@action
def issue_token(
    *, actor: Actor, user: User, label: str, scopes: list[str], life: timedelta, reason: str
) -> tuple[ApiToken, str]:
    """Create an API token for `user`; returns the row and the credential, which is shown this once."""
    if actor.user is None or actor.user.pk != user.pk:
        policy.require(actor, "access.edit")
    if actor.via == "token":
        raise NotAllowed("A token does not issue tokens; sign in.", code="token-by-token")
    known = {verb.partition(".")[0] for verb in policy.VERBS}
    unknown = [scope for scope in scopes if scope.partition(".")[0] not in known or "." not in scope]
    if unknown or not scopes:
        raise Invalid(
            fields={"scopes": f"verb families such as tenant.read; known families: {', '.join(sorted(known))}"}
        )
    if not timedelta(0) < life <= MAX_TOKEN_LIFE:
        raise Invalid(fields={"life": "between one second and 366 days"})
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        label=label,
        prefix=prefix,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=sorted(set(scopes)),
        expires_at=now() + life,
    )
    record("token.issued", row, actor=actor, reason=reason, data={"scopes": row.scopes, "user": user.pk})
    return row, f"bwk_{prefix}_{secret}"


@action
def revoke_token(token_id: Any, *, actor: Actor, reason: str) -> ApiToken:
    """End a token now. Its owner may, and whoever administers access."""
    row = ApiToken.objects.select_for_update().filter(pk=token_id).first()
    owns = row is not None and actor.user is not None and row.user_id == actor.user.pk
    if row is None or not (owns or policy.can(actor, "access.edit")):
        raise Absent("There is no such token.")
    if row.revoked_at is None:
        row.revoked_at = now()
        row.save(update_fields=["revoked_at"])
        record("token.revoked", row, actor=actor, reason=reason)
    return row
