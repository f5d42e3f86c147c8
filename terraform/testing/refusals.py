"""What AWS refuses although its names and types allow it: each of these had failed, or would have, on a first apply."""

from typing import Any

from tf.types import Unknown

from terraform.testing.world import World

Values = dict[str, Any]


def refused(type_name: str, values: Values, world: World) -> str:
    """Return why AWS would not create or change this as planned, or an empty text."""
    said = {
        "aws_db_instance": _storage,
        "aws_elasticache_user": _user,
        "aws_elasticache_user_group": _members,
        "aws_security_group": _twice,
    }.get(type_name)
    return said(values, world) if said else ""


def snapshot_taken(values: Values, world: World) -> str:
    """Keep the final snapshot of an instance that goes; return why RDS would not take one by this name."""
    name = str(values.get("final_snapshot_identifier"))
    if values.get("skip_final_snapshot"):
        return ""
    if name in world.snapshots:
        return f"DBSnapshotAlreadyExists: {name}"
    world.snapshots.add(name)
    return ""


def _user(values: Values, world: World) -> str:
    kinds = _kinds(values)
    if values.get("engine") == "valkey" and "no-password-required" in kinds:
        return "InvalidParameterCombination: a user of engine valkey has a password or comes in by IAM"
    if "iam" in kinds and values.get("user_id") != values.get("user_name"):
        return "InvalidParameterCombination: with IAM user_id and user_name are alike"
    return ""


def _members(values: Values, world: World) -> str:
    names = [one for one in values.get("user_ids") or () if one is not Unknown]
    members = {name: world.find("aws_elasticache_user", name) or {} for name in names}
    if values.get("engine") == "valkey":
        strangers = sorted(name for name, one in members.items() if "no-password-required" in _kinds(one))
        return f"InvalidParameterCombination: {strangers[0]} has no password" if strangers else ""
    found = any(one.get("user_name") == "default" for one in members.values())
    return "" if found else "DefaultUserRequired: a group of redis needs a user called default"


def _kinds(user: Values) -> set[str]:
    modes = {str(one.get("type")) for one in user.get("authentication_mode") or () if isinstance(one, dict)}
    return modes | ({"no-password-required"} if user.get("no_password_required") is True else set())


def _storage(values: Values, world: World) -> str:
    now, most = values.get("allocated_storage"), values.get("max_allocated_storage")
    if now and most and most < now * 1.1:
        return f"InvalidParameterCombination: max_allocated_storage {most} leaves {now} no room to grow"
    return ""


def _twice(values: Values, world: World) -> str:
    place = (values.get("name"), values.get("vpc_id"))
    others = (one for one in world.of("aws_security_group") if one.get("id") != values.get("id"))
    is_there = any((one.get("name"), one.get("vpc_id")) == place for one in others)
    return f"InvalidGroup.Duplicate: {place[0]} exists in {place[1]}" if is_there else ""
