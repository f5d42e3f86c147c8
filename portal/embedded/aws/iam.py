"""IAM users, access keys and inline policies, and STS GetCallerIdentity, over the Query protocol.

Secrets of access keys are kept readable in the index, because a signature can only be checked with the secret.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import policy
from .access import Caller, Guarded, require
from .errors import AwsError
from .store import now_ms

if TYPE_CHECKING:
    from .account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY COLLATE NOCASE, id TEXT NOT NULL, path TEXT NOT NULL,
    created_at INTEGER NOT NULL, tags TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS access_keys (
    id TEXT PRIMARY KEY, user_name TEXT NOT NULL COLLATE NOCASE, secret TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'Active', created_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS user_policies (
    user_name TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (user_name, name)
);
"""
KEY_ALPHABET = string.ascii_uppercase + "234567"
KEYS_PER_USER = 2
MAX_TAGS = 50
Parameters = dict[str, str]


def secret_of(account: Account, access_key_id: str) -> str:
    """The secret behind an active access key; an unknown or inactive one is refused."""
    if secrets.compare_digest(access_key_id.encode(), account.root_key.access_key_id.encode()):
        return account.root_key.secret_access_key
    row = account.store.one("SELECT secret FROM access_keys WHERE id = ? AND status = 'Active'", access_key_id)
    if row is None:
        raise AwsError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403,
            AWSAccessKeyId=access_key_id,
        )  # fmt: skip
    return str(row["secret"])


def caller_of(account: Account, access_key_id: str, context: dict[str, str]) -> Caller:
    """The principal an (already verified) access key stands for."""
    if access_key_id == account.root_key.access_key_id:
        context = {**context, "aws:PrincipalArn": account.root_arn, "aws:userid": account.id}
        return Caller(account.root_arn, is_root=True, context=context)
    row = account.store.one(
        "SELECT u.* FROM users u JOIN access_keys k ON k.user_name = u.name WHERE k.id = ?", access_key_id
    )
    if row is None:
        raise AwsError("InvalidAccessKeyId", "The access key was deleted.", 403)
    arn = _arn(account, row)
    context = {**context, "aws:PrincipalArn": arn, "aws:username": row["name"], "aws:userid": row["id"]}
    context |= {f"aws:PrincipalTag/{key}": value for key, value in json.loads(row["tags"]).items()}
    return Caller(arn, row["name"], context=context)


def call(account: Account, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Runs one IAM or STS action; returns what goes inside `<ActionResult>`."""
    action = parameters.get("Action", "")
    if action == "GetCallerIdentity":
        return _caller_identity(account, caller)
    operation = OPERATIONS.get(action)
    if operation is None:
        raise AwsError("InvalidAction", f"The action {action} is not valid for this web service.")
    name = parameters.get("UserName", caller.user_name)
    resource = f"arn:aws:iam::{account.id}:user/{name or '*'}"
    require(account, caller, Guarded(f"iam:{action}", resource))
    return operation(account, {**parameters, "UserName": name})


def make_user(account: Account, name: str, policies: dict[str, str], key: tuple[str, str]) -> None:
    """Leave the user with exactly these policies and this key, made elsewhere."""
    for document in policies.values():
        policy.parse(document, needs_principal=False)
    with account.store.write() as db:
        row = (name, "AIDA" + _random_key(17), "/", now_ms(), "{}")
        db.execute("INSERT OR IGNORE INTO users (name, id, path, created_at, tags) VALUES (?, ?, ?, ?, ?)", row)
        for table in ("user_policies", "access_keys"):
            db.execute(f"DELETE FROM {table} WHERE user_name = ?", (name,))  # noqa: S608
        db.executemany("INSERT INTO user_policies VALUES (?, ?, ?)", [(name, *one) for one in policies.items()])
        statement = "INSERT INTO access_keys (id, user_name, secret, created_at) VALUES (?, ?, ?, ?)"
        db.execute(statement, (key[0], name, key[1], now_ms()))


def tagged(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Every user's ARN with its tags."""
    return [(_arn(account, row), json.loads(row["tags"])) for row in account.store.all("SELECT * FROM users")]


def _create_user(account: Account, parameters: Parameters) -> dict[str, Any]:
    name, path = _name(parameters, "UserName"), parameters.get("Path", "/")
    if not re.fullmatch(r"/|/[!-~]{1,510}/", path):
        raise AwsError("ValidationError", "Path must begin and end with a slash.")
    tags = _tags(parameters)
    identifier = "AIDA" + _random_key(17)
    try:
        with account.store.write() as db:
            row = (name, identifier, path, now_ms(), json.dumps(tags))
            db.execute("INSERT INTO users (name, id, path, created_at, tags) VALUES (?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        raise AwsError("EntityAlreadyExists", f"User with name {name} already exists.", 409) from error
    return {"User": _shown(account, _user(account, name))}


def _get_user(account: Account, parameters: Parameters) -> dict[str, Any]:
    return {"User": _shown(account, _user(account, parameters["UserName"]))}


def _list_users(account: Account, parameters: Parameters) -> dict[str, Any]:
    prefix = parameters.get("PathPrefix", "/")
    rows = [row for row in account.store.all("SELECT * FROM users ORDER BY name") if row["path"].startswith(prefix)]
    return _paged("Users", [_shown(account, row, with_tags=False) for row in rows], "UserName", parameters)


def _delete_user(account: Account, parameters: Parameters) -> dict[str, Any]:
    name = _user(account, parameters["UserName"])["name"]
    with account.store.write() as db:
        for table, what in (("access_keys", "access keys"), ("user_policies", "policies")):
            if db.execute(f"SELECT 1 FROM {table} WHERE user_name = ? LIMIT 1", (name,)).fetchone():  # noqa: S608
                raise AwsError("DeleteConflict", f"Cannot delete entity, must delete {what} first.", 409)
        db.execute("DELETE FROM users WHERE name = ?", (name,))
    return {}


def _tag_user(account: Account, parameters: Parameters) -> dict[str, Any]:
    user, tags = _user(account, parameters["UserName"]), _tags(parameters)
    with account.store.write() as db:
        merged = {**_tags_under_lock(db, user["name"]), **tags}
        if len(merged) > MAX_TAGS:
            raise AwsError("LimitExceeded", "A user can have at most 50 tags.", 409)
        db.execute("UPDATE users SET tags = ? WHERE name = ?", (json.dumps(merged), user["name"]))
    return {}


def _untag_user(account: Account, parameters: Parameters) -> dict[str, Any]:
    user, gone = _user(account, parameters["UserName"]), set(_members(parameters, "TagKeys"))
    with account.store.write() as db:
        kept = {key: value for key, value in _tags_under_lock(db, user["name"]).items() if key not in gone}
        db.execute("UPDATE users SET tags = ? WHERE name = ?", (json.dumps(kept), user["name"]))
    return {}


def _list_user_tags(account: Account, parameters: Parameters) -> dict[str, Any]:
    tags = json.loads(_user(account, parameters["UserName"])["tags"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())], "IsTruncated": False}


def _create_access_key(account: Account, parameters: Parameters) -> dict[str, Any]:
    name = _user(account, parameters["UserName"])["name"]
    identifier, secret, created = "AKIA" + _random_key(16), secrets.token_urlsafe(30), now_ms()
    with account.store.write() as db:
        count = db.execute("SELECT count(*) FROM access_keys WHERE user_name = ?", (name,)).fetchone()[0]
        if count >= KEYS_PER_USER:
            raise AwsError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}", 409)
        row = (identifier, name, secret, created)
        db.execute("INSERT INTO access_keys (id, user_name, secret, created_at) VALUES (?, ?, ?, ?)", row)
    shown = {"UserName": name, "AccessKeyId": identifier, "Status": "Active", "SecretAccessKey": secret}
    return {"AccessKey": {**shown, "CreateDate": _date(created)}}


def _update_access_key(account: Account, parameters: Parameters) -> dict[str, Any]:
    status = parameters.get("Status", "")
    if status not in ("Active", "Inactive"):
        raise AwsError("ValidationError", "Status must be Active or Inactive.")
    with account.store.write() as db:
        key = (status, parameters.get("AccessKeyId", ""), parameters["UserName"])
        if not db.execute("UPDATE access_keys SET status = ? WHERE id = ? AND user_name = ?", key).rowcount:
            raise _no_key(parameters)
    return {}


def _delete_access_key(account: Account, parameters: Parameters) -> dict[str, Any]:
    name = _user(account, parameters["UserName"])["name"]
    with account.store.write() as db:
        key = (parameters.get("AccessKeyId", ""), name)
        if not db.execute("DELETE FROM access_keys WHERE id = ? AND user_name = ?", key).rowcount:
            raise _no_key(parameters)
    return {}


def _list_access_keys(account: Account, parameters: Parameters) -> dict[str, Any]:
    name = _user(account, parameters["UserName"])["name"]
    rows = account.store.all("SELECT * FROM access_keys WHERE user_name = ? ORDER BY created_at, id", name)
    keys = [
        {"UserName": name, "AccessKeyId": row["id"], "Status": row["status"], "CreateDate": _date(row["created_at"])}
        for row in rows
    ]
    return {"AccessKeyMetadata": keys, "IsTruncated": False}


def _put_user_policy(account: Account, parameters: Parameters) -> dict[str, Any]:
    user, name = _user(account, parameters["UserName"]), _name(parameters, "PolicyName", 128)
    document = parameters.get("PolicyDocument", "")
    policy.parse(document, needs_principal=False)
    with account.store.write() as db:
        db.execute("INSERT OR REPLACE INTO user_policies VALUES (?, ?, ?)", (user["name"], name, document))
    return {}


def _get_user_policy(account: Account, parameters: Parameters) -> dict[str, Any]:
    user, name = _user(account, parameters["UserName"]), parameters.get("PolicyName", "")
    row = account.store.one("SELECT * FROM user_policies WHERE user_name = ? AND name = ?", user["name"], name)
    if row is None:
        raise AwsError("NoSuchEntity", f"The user policy with name {name} cannot be found.", 404)
    return {"UserName": user["name"], "PolicyName": name, "PolicyDocument": quote(row["document"], safe="")}


def _delete_user_policy(account: Account, parameters: Parameters) -> dict[str, Any]:
    user, name = _user(account, parameters["UserName"]), parameters.get("PolicyName", "")
    with account.store.write() as db:
        key = (user["name"], name)
        if not db.execute("DELETE FROM user_policies WHERE user_name = ? AND name = ?", key).rowcount:
            raise AwsError("NoSuchEntity", f"The user policy with name {name} cannot be found.", 404)
    return {}


def _list_user_policies(account: Account, parameters: Parameters) -> dict[str, Any]:
    name = _user(account, parameters["UserName"])["name"]
    rows = account.store.all("SELECT name FROM user_policies WHERE user_name = ? ORDER BY name", name)
    return {"PolicyNames": [row["name"] for row in rows], "IsTruncated": False}


def _empty(member: str) -> Callable[[Account, Parameters], dict[str, Any]]:
    """Lists of things the double has none of (groups, attached policies), so that a complete clean-up finds nothing."""

    def listed(account: Account, parameters: Parameters) -> dict[str, Any]:
        _user(account, parameters["UserName"])
        return {member: [], "IsTruncated": False}

    return listed


OPERATIONS: dict[str, Callable[[Account, Parameters], dict[str, Any]]] = {
    "CreateUser": _create_user, "GetUser": _get_user, "ListUsers": _list_users, "DeleteUser": _delete_user,
    "TagUser": _tag_user, "UntagUser": _untag_user, "ListUserTags": _list_user_tags,
    "CreateAccessKey": _create_access_key, "UpdateAccessKey": _update_access_key,
    "DeleteAccessKey": _delete_access_key, "ListAccessKeys": _list_access_keys,
    "PutUserPolicy": _put_user_policy, "GetUserPolicy": _get_user_policy,
    "DeleteUserPolicy": _delete_user_policy, "ListUserPolicies": _list_user_policies,
    "ListGroupsForUser": _empty("Groups"), "ListAttachedUserPolicies": _empty("AttachedPolicies"),
}  # fmt: skip


def _caller_identity(account: Account, caller: Caller) -> dict[str, Any]:
    return {"Arn": caller.arn, "UserId": caller.context.get("aws:userid", ""), "Account": account.id}


def _user(account: Account, name: str) -> sqlite3.Row:
    row = account.store.one("SELECT * FROM users WHERE name = ?", name)
    if row is None:
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.", 404)
    return row


def _tags_under_lock(db: sqlite3.Connection, name: str) -> dict[str, str]:
    row = db.execute("SELECT tags FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.", 404)
    tags: dict[str, str] = json.loads(row["tags"])
    return tags


def _shown(account: Account, row: sqlite3.Row, with_tags: bool = True) -> dict[str, Any]:
    shown = {
        "Path": row["path"], "UserName": row["name"], "UserId": row["id"], "Arn": _arn(account, row),
        "CreateDate": _date(row["created_at"]),
    }  # fmt: skip
    tags = [{"Key": key, "Value": value} for key, value in sorted(json.loads(row["tags"]).items())]
    return {**shown, "Tags": tags} if tags and with_tags else shown


def _paged(member: str, rows: list[dict[str, Any]], key: str, parameters: Parameters) -> dict[str, Any]:
    """One page after `Marker`; the marker is the last name shown, so deleting while paging skips nothing."""
    limit = parameters.get("MaxItems", "100")
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise AwsError("ValidationError", "MaxItems must be between 1 and 1000.")
    marker = parameters.get("Marker", "").lower()
    rest = [row for row in rows if row[key].lower() > marker]
    page, more = rest[: int(limit)], len(rest) > int(limit)
    return {member: page, "IsTruncated": more, **({"Marker": page[-1][key]} if more else {})}


def _arn(account: Account, row: sqlite3.Row) -> str:
    return f"arn:aws:iam::{account.id}:user{row['path']}{row['name']}"


def _name(parameters: Parameters, field: str, limit: int = 64) -> str:
    name = parameters.get(field, "")
    if len(name) > limit or not re.fullmatch(r"[\w+=,.@-]+", name, re.ASCII):
        raise AwsError("ValidationError", f"{field} must be 1 to {limit} characters of [\\w+=,.@-].")
    return name


def _tags(parameters: Parameters) -> dict[str, str]:
    tags = {}
    for key in [name for name in parameters if re.fullmatch(r"Tags\.member\.\d+\.Key", name)]:
        tags[parameters[key]] = parameters.get(key.removesuffix("Key") + "Value", "")
    if any(not 0 < len(key) <= 128 or len(value) > 256 for key, value in tags.items()):
        raise AwsError("ValidationError", "Tag keys have 1 to 128 characters, values at most 256.")
    return tags


def _members(parameters: Parameters, field: str) -> list[str]:
    return [value for name, value in parameters.items() if re.fullmatch(rf"{field}\.member\.\d+", name)]


def _no_key(parameters: Parameters) -> AwsError:
    return AwsError("NoSuchEntity", f"The Access Key with id {parameters.get('AccessKeyId')} cannot be found.", 404)


def _random_key(length: int) -> str:
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(length))


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
