"""The eight rules. Each returns what breaks it, in words; an empty list is a pass."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from terraform.policies.root import Resource, Root, environment_in, references

TAGS = frozenset(
    {"TenantID", "Environment", "CostCenter", "Owner", "Compliance", "DataClass", "ManagedBy", "ExpiresOn"}
)
SECRETS = frozenset({"password", "passwords", "auth_token", "master_password", "secret_string", "secret_binary"})
# Their secret is born in the state, whatever is asked of them.
BORN_SECRET = frozenset(
    {"aws_iam_access_key", "aws_iam_service_specific_credential", "aws_iam_user_login_profile"}
    | {"random_password", "tls_private_key"}
)
NARROWEST = {4: 8, 6: 16}  # anything wider counts as the internet: two halves of it are the whole
SHELLS = (22, 3389, 5985, 5986)
QUOTA = 60
RULES_OF_THEIR_OWN = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
GRAVITON = re.compile(r"^(db\.|cache\.)?[a-z]+\d+g[a-z]*\.")
SIZES = {"aws_instance": "instance_type", "aws_db_instance": "instance_class"}
SIZES |= {"aws_elasticache_replication_group": "node_type"}
SMALL = {"dev": re.compile(r"t\d+g?\.(nano|micro|small)$"), "staging": re.compile(r"t\d+g?\.|\.large$")}
STORAGE_GB = {"dev": 50, "staging": 100}
RETENTION_DAYS = {"dev": 7, "staging": 14, "prod": 35}


def no_copies(root: Root) -> list[str]:
    """One definition serves every environment: no resource is written once per environment."""
    stems: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for module, one in root.written():
        words = one["name"].lower().split("_")
        if one["mode"] == "managed" and environment_in(one["name"]):
            stem = "_".join(word for word in words if not environment_in(word))
            stems[module, one["type"], stem].append(one["name"])
    return [f"{kind} is written {len(names)} times: {', '.join(names)}" for (_, kind, _), names in stems.items()]


def open_doors(root: Root) -> list[str]:
    """Each rule is a resource of its own; the internet only on 80 and 443, no remote shell, within the quota."""
    found = [
        f"{one['type']}.{one['name']} has rules inside it"
        for _, one in root.written()
        if one["type"] == "aws_security_group" and {"ingress", "egress"} & one.get("expressions", {}).keys()
    ]
    counts: Counter[tuple[str, str, int]] = Counter()
    for group in root.of("aws_security_group"):
        for direction in ("ingress", "egress"):
            for rule in group.after.get(direction) or ():
                found += _open(group.address, direction, rule)
                counts.update((group.address, direction, version) for version in _versions(rule))
    for one in root.of("aws_security_group_rule", *RULES_OF_THEIR_OWN):
        direction = str(one.after.get("type") or one.type.split("_")[4])
        found += _open(one.address, direction, one.after)
        group_id = one.after.get("security_group_id") or root.meant(one, "security_group_id")
        counts.update((group_id, direction, version) for version in _versions(one.after))
    crowded = (f"{of} has {count} {way} rules of IPv{v}" for (of, way, v), count in counts.items() if count > QUOTA)
    return found + list(crowded)


def _blocks(rule: dict[str, Any]) -> list[str]:
    listed = [*(rule.get("cidr_blocks") or ()), *(rule.get("ipv6_cidr_blocks") or ())]
    return listed + [one for one in (rule.get("cidr_ipv4"), rule.get("cidr_ipv6")) if one]


def _versions(rule: dict[str, Any]) -> list[int]:
    """Return the version of IP of each rule AWS counts: a block by its own, any other peer by both."""
    found = [ip_network(block, strict=False).version for block in _blocks(rule)]
    others = sum(len(rule.get(key) or ()) for key in ("security_groups", "prefix_list_ids")) + bool(rule.get("self"))
    return found + [4, 6] * (others if found else max(1, others))


def _open(address: str, direction: str, rule: dict[str, Any]) -> list[str]:
    networks = [ip_network(block, strict=False) for block in _blocks(rule)]
    first, last = rule.get("from_port"), rule.get("to_port")
    every = (rule.get("ip_protocol") or rule.get("protocol")) in ("-1", "all") or first is None or last is None
    ports = "all ports" if every else f"{first}" if first == last else f"{first} to {last}"
    found = []
    if any(one.prefixlen < NARROWEST[one.version] for one in networks) and not (first == last and first in (80, 443)):
        found.append(f"{address}: {direction} {ports} is open to the internet")
    if direction == "ingress" and (every or any(first <= port <= last for port in SHELLS)):
        found.append(f"{address}: a remote shell comes in on {ports}")
    return found


def no_secrets(root: Root) -> list[str]:
    """No secret is in state, plan or output: `sensitive` only hides it from the screen."""
    found = [
        f"{one.address}: {name} would be in the state in clear"
        for one in root.resources
        for name in sorted(SECRETS)
        if one.has(name)
    ]
    found += [f"{one.address}: its secret is born in the state" for one in root.of(*BORN_SECRET)]
    found += [
        f"{one.address}: value would be in the state in clear"
        for one in root.of("aws_ssm_parameter")
        if one.after.get("type") == "SecureString" and one.has("value")
    ]
    outputs = root.configuration.get("root_module", {}).get("outputs", {})
    for name, output in outputs.items():
        leaks = sorted(one for one in references(output.get("expression", {})) if SECRETS & set(one.split(".")))
        found += [f"output {name} tells {leaks[0]}"] if leaks else []
    return found


def right_sizes(root: Root) -> list[str]:
    """Graviton and gp3 everywhere; dev and staging are small."""
    found = []
    for one in root.of(*SIZES):
        size, allowed = str(one.after.get(SIZES[one.type])), SMALL.get(one.environment)
        if not GRAVITON.match(size):
            found.append(f"{one.address}: {size} is not Graviton")
        if allowed and not allowed.search(size):
            found.append(f"{one.address}: {size} is too large for {one.environment}")
    for one in root.of("aws_db_instance", "aws_ebs_volume"):
        storage, most = (
            one.after.get("allocated_storage") or one.after.get("size") or 0,
            STORAGE_GB.get(one.environment),
        )
        if (one.after.get("storage_type") or one.after.get("type")) != "gp3":
            found.append(f"{one.address}: storage is not gp3")
        if most and storage > most:
            found.append(f"{one.address}: {storage} GB are too many for {one.environment}")
    return found


def kept_state(root: Root) -> list[str]:
    """The state is remote, encrypted with a key of ours and locked by a file."""
    if root.backend != "s3":
        return [f"the state is kept in backend {root.backend}: not shared, locked, encrypted or versioned"]
    settings = root.settings
    found = [] if settings.get("encrypt") == "true" else ["the state is not encrypted"]
    found += [] if settings.get("kms_key_id") else ["the state is not encrypted with a key of ours"]
    found += [] if settings.get("use_lockfile") == "true" else ["use_lockfile is not set: nothing locks the state"]
    found += [f"{key} is deprecated since Terraform 1.11" for key in settings if key.startswith("dynamodb_")]
    return found + [f"{key} cannot be computed" for key, value in settings.items() if "${" in value]


def one_provider(root: Root) -> list[str]:
    """An alias is for another region or another account."""
    seen: dict[str, str] = {}
    found = []
    for key, one in sorted(root.configuration.get("provider_config", {}).items()):
        if one["name"] != "aws" or one.get("module_address"):
            continue
        given = one.get("expressions", {})
        place = str([given.get(name) for name in ("region", "assume_role", "profile", "allowed_account_ids")])
        if place in seen:
            found.append(f"provider {key} is {seen[place]} once more: same region, same account")
        seen.setdefault(place, key)
    return found


def all_tags(root: Root) -> list[str]:
    """Every resource that can be tagged carries all the tags, and the plan shows it."""
    found = []
    for one in root.resources:
        if "tags_all" not in one.after and "tags_all" not in one.later:
            continue
        missing = sorted(name for name in TAGS if not (one.after.get("tags_all") or {}).get(name))
        found += [f"{one.address} has no {', '.join(missing)}"] if missing else []
    return found


def sound_databases(root: Root) -> list[str]:
    """Every database does what its environment owes."""
    owed = [(one, _debts(one, root)) for one in root.of("aws_db_instance", "aws_rds_cluster")]
    owed += [(one, {"can be reached from outside": _is_public(one)}) for one in root.of("aws_rds_cluster_instance")]
    return [f"{one.address}: {debt}" for one, debts in owed for debt, is_owed in debts.items() if is_owed] + _strayed(
        root
    )


def _is_public(one: Resource) -> bool:
    return bool(one.after.get("publicly_accessible"))


def _debts(one: Resource, root: Root) -> dict[str, bool]:
    known, environment = one.after, one.environment or "prod"
    is_prod, is_cluster = environment == "prod", one.type == "aws_rds_cluster"
    days = known.get("backup_retention_period") or 0
    return {
        f"keeps backups {days} days, not {RETENTION_DAYS[environment]}": days < RETENTION_DAYS[environment],
        "runs in one zone": is_prod and not is_cluster and not known.get("multi_az"),
        "is not encrypted with a key of ours": not (known.get("storage_encrypted") and one.has("kms_key_id")),
        "is not protected from deletion": environment != "dev" and not known.get("deletion_protection"),
        "goes without a final snapshot": known.get("skip_final_snapshot") is not False,
        "can be reached from outside": _is_public(one),
        "does not force TLS": not _forces_tls(one, root),
        "lets nobody in by IAM": is_prod and not known.get("iam_database_authentication_enabled"),
    }


def _forces_tls(one: Resource, root: Root) -> bool:
    """Look into the parameter group by its name, or, where AWS will complete the name, by what the source refers to."""
    kind, argument = {
        "aws_db_instance": ("aws_db_parameter_group", "parameter_group_name"),
        "aws_rds_cluster": ("aws_rds_cluster_parameter_group", "db_cluster_parameter_group_name"),
    }[one.type]
    wanted, meant = one.after.get(argument), root.meant(one, argument)
    own = (of for of in root.of(kind) if (of.after.get("name") == wanted if wanted else of.address == meant))
    said = [parameter for group in own for parameter in group.after.get("parameter") or ()]
    return any(parameter["name"] == "rds.force_ssl" and parameter["value"] == "1" for parameter in said)


def _strayed(root: Root) -> list[str]:
    """Follow database → subnet group → subnets → VPC in the source; each is of one environment."""
    written = {(module, f"{one['type']}.{one['name']}"): one for module, one in root.written()}
    found = []
    for (module, address), one in written.items():
        own = environment_in(one["name"])
        if one["type"] != "aws_db_instance" or not own:
            continue
        reached, todo = set(), {address}
        while todo:
            reached |= todo
            named = {r for a in todo for r in references(written[module, a].get("expressions", {}))}
            todo = {a for (m, a) in written if m == module and a in named} - reached
        networks = {a for a in reached if a.split(".")[0] in ("aws_db_subnet_group", "aws_subnet", "aws_vpc")}
        found += [f"{address} is in {a}" for a in sorted(networks) if environment_in(a.split(".")[1]) not in ("", own)]
    return found


RULES: dict[str, Callable[[Root], list[str]]] = {
    "no-copies": no_copies,
    "open-doors": open_doors,
    "no-secrets": no_secrets,
    "right-sizes": right_sizes,
    "kept-state": kept_state,
    "one-provider": one_provider,
    "all-tags": all_tags,
    "sound-databases": sound_databases,
}


def broken(root: Root) -> dict[str, list[str]]:
    """Return what breaks which rule; empty when the root keeps them all."""
    found = {name: rule(root) for name, rule in RULES.items()}
    return {name: words for name, words in found.items() if words}
