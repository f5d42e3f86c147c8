"""What the double answers: which values are decided later, what they are once they are, what a plan replaces."""

import secrets
from functools import partial
from typing import Any
from uuid import uuid4

from tf.types import Unknown

from terraform.testing import ACCOUNT, PARTITION
from terraform.testing.schema import FACTS, Block, is_write_only

Values = dict[str, Any]
ZONES = "abc"


def misplaced(block: Block, config: Values, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of arguments that were set although only the provider decides them."""
    found = [
        (*path, name)
        for name, about in block["attributes"].items()
        if config.get(name) is not None and not (about["required"] or about["optional"])
    ]
    for name, about in block["blocks"].items():
        for one in _each(config.get(name)):
            found += misplaced(about, one, (*path, name))
    return found


def planned(block: Block, config: Values, proposed: Values, *, creating: bool) -> Values:
    """Return the proposed values with what is decided later left unknown, and nothing of what is never kept."""
    result = dict(proposed)
    for name, about in block["attributes"].items():
        if is_write_only(name):
            result[name] = None
        elif creating and about["computed"] and config.get(name) is None:
            result[name] = Unknown
    for name, about in block["blocks"].items():
        found, given = proposed.get(name), config.get(name)
        result[name] = _mapped(found, given, partial(_planned, about, creating))
    return result


def tags_all(values: Values, default_tags: Any) -> Any:
    """Return every tag the resource will carry: its own win over the provider's."""
    own = values.get("tags")
    if own is Unknown or default_tags is Unknown:
        return Unknown
    return {**(default_tags or {}), **(own or {})}


def replaced(type_name: str, before: Values, after: Values) -> list[str]:
    """Return the arguments whose change makes the resource anew."""
    fixed = FACTS["force_new"].get(type_name, ())
    return [name for name in fixed if after.get(name) is not None and before.get(name) != after[name]]


def keep_grown(type_name: str, before: Values, after: Values) -> None:
    """Leave what has grown on its own as large as it is, as the provider does: storage never shrinks."""
    for name, limit in FACTS["grows"].get(type_name, {}).items():
        grown = before.get(name) or 0
        if after.get(limit) and isinstance(after.get(name), int | float) and grown > after[name]:
            after[name] = grown


def decided(type_name: str, block: Block, values: Values, region: str) -> Values:
    """Return the values with everything unknown decided, as the service would."""
    id_from = FACTS["id_from"].get(type_name, "")
    if values.get("name") is Unknown and isinstance(values.get("name_prefix"), str):
        values = {**values, "name": values["name_prefix"] + secrets.token_hex(13)}
    made_of = id_from.format_map(values) if "{" in id_from else values.get(id_from)
    known = (values.get("id"), made_of)
    own_id = next((one for one in known if isinstance(one, str)), "") or _new_id(type_name)
    about = {"type": type_name, "id": own_id, "region": region, "name": _name(values) or own_id}
    return _filled(block, values, about)


def _filled(block: Block, values: Values, about: dict[str, str]) -> Values:
    result = {
        name: _decide(name, one["type"], about) if values.get(name) is Unknown else values.get(name)
        for name, one in block["attributes"].items()
    }
    for name, nested in block["blocks"].items():
        found = values.get(name)
        result[name] = [] if found is Unknown else _mapped(found, found, partial(_filled_as, nested, about))
    return result


def _planned(block: Block, creating: bool, found: Values, given: Values) -> Values:
    return planned(block, given, found, creating=creating)


def _filled_as(block: Block, about: dict[str, str], found: Values, _: Values) -> Values:
    return _filled(block, found, about)


def _decide(name: str, kind: Any, about: dict[str, str]) -> Any:
    if name == "master_user_secret":
        return [{"secret_arn": f"arn:aws:secretsmanager:{about['region']}:{ACCOUNT}:secret:rds!{about['id']}"}]
    if name == "ingress" or name == "egress" or isinstance(kind, list):
        return {} if kind[0] == "map" else []
    if kind != "string":
        return False if kind == "bool" else 5432 if name == "port" else 0
    return _decide_text(name, about)


def _decide_text(name: str, about: dict[str, str]) -> str:
    region, own_id = about["region"], about["id"]
    known = {
        "id": own_id,
        "region": region,
        "account_id": ACCOUNT,
        "owner_id": ACCOUNT,
        "partition": PARTITION,
        "dns_suffix": "amazonaws.com",
        "endpoint": f"{about['name']}.double.{region}.rds.amazonaws.com:5432",
        "address": f"{about['name']}.double.{region}.rds.amazonaws.com",
        "bucket_regional_domain_name": f"{own_id}.s3.{region}.amazonaws.com",
    }
    return arn(about) if name == "arn" or name.endswith("_arn") else known.get(name, own_id)


def arn(about: dict[str, str]) -> str:
    """Return a name of the right form for the resource's service."""
    kind = about["type"].removeprefix("aws_")
    service = next((to for word, to in FACTS["service"].items() if kind.startswith(word)), "ec2")
    if service == "s3":
        return f"arn:{PARTITION}:s3:::{about['id']}"
    word = kind.removeprefix("kms_").removeprefix("iam_").replace("_", "-")
    region = "" if service == "iam" else about["region"]
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT}:{word}/{about['id']}"


def _new_id(type_name: str) -> str:
    if type_name == "aws_kms_key":
        return str(uuid4())
    return f"{FACTS['id_prefix'].get(type_name, type_name.removeprefix('aws_'))}-{secrets.token_hex(9)[:17]}"


def _name(values: Values) -> str:
    return next((values[key] for key in ("identifier", "name", "bucket") if isinstance(values.get(key), str)), "")


def _each(found: Any) -> list[Values]:
    if found is None or found is Unknown:
        return []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _mapped(found: Any, given: Any, change: Any) -> Any:
    """Apply `change` to each of the blocks beside what the configuration says of it."""
    if found is None or found is Unknown:
        return found
    if isinstance(found, dict):
        return change(found, given if isinstance(given, dict) else found)
    beside = given if isinstance(given, list) and len(given) == len(found) else found
    return [change(one, other) if isinstance(one, dict) else one for one, other in zip(found, beside, strict=True)]
