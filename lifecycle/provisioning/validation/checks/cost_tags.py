"""Every resource of the tenant carries the expected tags, those nested in others too."""

from collections.abc import Iterator, Mapping

from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores.logs import groups
from lifecycle.stores.objects import buckets, keys, users
from lifecycle.stores.postgres import tags as tag_rows
from lifecycle.stores.tags import of_set

OWN = ("Name", "Role")  # every resource says what it is
Labels = Mapping[str, str]


def run(target: Target, found: Findings) -> None:
    seen: dict[str, Labels] = dict(_aws(target, found)) | dict(_untaggable(target, found))
    for resource, labels in seen.items():
        wanted = dict(target.tags)
        missing = [name for name in (*wanted, *OWN) if name not in labels]
        wrong = [name for name, value in wanted.items() if name in labels and labels[name] != value]
        complaints = [f"lacks {', '.join(missing)}"] if missing else []
        complaints += [f"{name} is {labels[name]!r}, not {wanted[name]!r}" for name in wrong]
        found.expect(not complaints, f"{resource}: all tags", f"{resource} {'; '.join(complaints)}")
    found.measured |= {"expected": dict(target.tags), "resources": sorted(seen)}
    found.headline = f"{len(seen)} resources carry {', '.join(target.tags)}"


def _aws(target: Target, found: Findings) -> Iterator[tuple[str, Labels]]:
    """Resources we know the tenant has, then whatever else answers to its tag."""
    region, binding, names = target.region, target.binding, target.names
    bucket, user, group = (
        buckets.read(region, binding.bucket),
        users.read(region, names.iam_user),
        groups.read(region, binding.log_group),
    )
    key = keys.read(region, binding.kms_key_id) if binding.kms_key_id else None
    known = {
        f"bucket {binding.bucket}": bucket,
        f"IAM user {names.iam_user}": user,
        f"log group {binding.log_group}": group,
        **({f"KMS key {binding.kms_key_id}": key} if binding.kms_key_id else {}),
    }
    for resource, state in known.items():
        if state is None:
            found.wrong(f"{resource} does not exist")
        else:
            yield resource, state.tags
    arns = {state.arn for state in (user, group, key) if state is not None} | {f"arn:aws:s3:::{binding.bucket}"}
    for other in of_set(region, names):
        if other.arn not in arns:
            yield other.arn, other.tags


def _untaggable(target: Target, found: Findings) -> Iterator[tuple[str, Labels]]:
    """Roles, partitions, namespaces and cache users have no tags of their own: theirs are rows of the region."""
    rows = tag_rows.read(target.region, target.tenant_id, "observer")
    binding, names = target.binding, target.names
    needed = {
        "database role": names.role,
        "cache user": binding.cache_user,
        "vector namespace": names.partition if binding.vector.provider == "pgvector" else binding.vector.namespace,
    }
    for kind, name in needed.items():
        found.expect(
            any(name in resource for resource in rows), f"{kind} {name} is tagged", f"{kind} {name} carries no tags"
        )
    yield from rows.items()
