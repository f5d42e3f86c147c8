"""Of Elastic Load Balancing v2 what a weighted split needs: target groups, and rules that forward to them.

No traffic passes here; a rule is kept as it was said, once what it names exists.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .access import Caller, Guarded, require
from .errors import AwsError

if TYPE_CHECKING:
    from .account import Account

SCHEMA = """
CREATE TABLE IF NOT EXISTS target_groups (arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS listener_rules (arn TEXT PRIMARY KEY, listener TEXT NOT NULL, about TEXT NOT NULL);
"""
HEAVIEST = 999


def call(account: Account, caller: Caller, parameters: dict[str, str]) -> dict[str, Any]:
    """Runs one action; returns what goes inside `<ActionResult>`."""
    action, said = parameters.get("Action", ""), nested(parameters)
    operation = OPERATIONS.get(action)
    if operation is None:
        raise AwsError("InvalidAction", f"The action {action} is not valid for this web service.")
    resource = str(said.get("RuleArn", "*"))
    require(account, caller, Guarded(f"elasticloadbalancing:{action}", resource))
    return operation(account, said)


def nested(parameters: dict[str, str]) -> dict[str, Any]:
    """The Query protocol's dotted names as what they stand for: `A.member.1.B` is B of the first of the list A."""
    tree: dict[str, Any] = {}
    for name, value in parameters.items():
        *way, last = name.split(".")
        place = tree
        for step in way:
            found = place.setdefault(step, {})
            if not isinstance(found, dict):
                raise AwsError("ValidationError", f"{name} cannot be read.")
            place = found
        place[last] = value
    return {name: _plain(value) for name, value in tree.items()}


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"member"} and isinstance(value["member"], dict):
        items = value["member"]
        if all(number.isdigit() for number in items):
            return [_plain(items[number]) for number in sorted(items, key=int)]
    return {name: _plain(item) for name, item in value.items()}


def _create_target_group(account: Account, said: dict[str, Any]) -> dict[str, Any]:
    name = str(said.get("Name", ""))
    arn = account.arn("elasticloadbalancing", f"targetgroup/{name}/{secrets.token_hex(8)}")
    about = {"TargetGroupArn": arn, "TargetGroupName": name} | {
        key: said[key] for key in ("Protocol", "Port", "VpcId") if key in said
    }
    with account.store.write() as db:
        if db.execute("SELECT 1 FROM target_groups WHERE name = ?", (name,)).fetchone():
            raise AwsError("DuplicateTargetGroupName", f"A target group named {name} exists.")
        db.execute("INSERT INTO target_groups VALUES (?, ?, ?)", (arn, name, json.dumps(about)))
    return {"TargetGroups": [about]}


def _create_rule(account: Account, said: dict[str, Any]) -> dict[str, Any]:
    listener = str(said.get("ListenerArn", ""))
    arn = listener.replace(":listener/", ":listener-rule/") + f"/{secrets.token_hex(8)}"
    about = {"RuleArn": arn, "Priority": said.get("Priority", "1"), "Conditions": said.get("Conditions", [])}
    about |= {"Actions": _checked(account, said), "IsDefault": False}
    with account.store.write() as db:
        db.execute("INSERT INTO listener_rules VALUES (?, ?, ?)", (arn, listener, json.dumps(about)))
    return {"Rules": [about]}


def _describe_rules(account: Account, said: dict[str, Any]) -> dict[str, Any]:
    if "RuleArns" in said:
        return {"Rules": [_rule(account, arn) for arn in said["RuleArns"]]}
    rows = account.store.all("SELECT about FROM listener_rules WHERE listener = ?", said.get("ListenerArn", ""))
    return {"Rules": [json.loads(row["about"]) for row in rows]}


def _modify_rule(account: Account, said: dict[str, Any]) -> dict[str, Any]:
    about = _rule(account, said.get("RuleArn", ""))
    about |= {"Actions": _checked(account, said)} if "Actions" in said else {}
    about |= {"Conditions": said["Conditions"]} if "Conditions" in said else {}
    with account.store.write() as db:
        db.execute("UPDATE listener_rules SET about = ? WHERE arn = ?", (json.dumps(about), about["RuleArn"]))
    return {"Rules": [about]}


def _rule(account: Account, arn: str) -> dict[str, Any]:
    row = account.store.one("SELECT about FROM listener_rules WHERE arn = ?", arn)
    if row is None:
        raise AwsError("RuleNotFound", f"The rule {arn} does not exist.")
    return dict(json.loads(row["about"]))


def _checked(account: Account, said: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions, if every target group they name exists and every weight is one."""
    actions = said.get("Actions")
    if not isinstance(actions, list) or not all(isinstance(one, dict) for one in actions):
        raise AwsError("ValidationError", "Actions must be a list.")
    for group in _groups(actions):
        if not str(group.get("Weight", "1")).isdigit() or int(group.get("Weight", "1")) > HEAVIEST:
            raise AwsError("ValidationError", f"Weight must be between 0 and {HEAVIEST}.")
        if account.store.one("SELECT 1 FROM target_groups WHERE arn = ?", group.get("TargetGroupArn", "")) is None:
            raise AwsError("TargetGroupNotFound", "One or more target groups not found.")
    return actions


def _groups(actions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for action in actions:
        yield from action.get("ForwardConfig", {}).get("TargetGroups", [])
        if "TargetGroupArn" in action:
            yield {"TargetGroupArn": action["TargetGroupArn"]}


OPERATIONS = {
    "CreateTargetGroup": _create_target_group,
    "CreateRule": _create_rule,
    "DescribeRules": _describe_rules,
    "ModifyRule": _modify_rule,
}
