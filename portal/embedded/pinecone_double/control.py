"""The control plane: create, describe, list, configure and delete serverless indexes with one dense vector field."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from ..aws.store import Store
from .errors import PineconeError, invalid, not_found
from .schema import REGIONS

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?")
METRICS = ("cosine", "euclidean", "dotproduct")
MAX_DIMENSION = 20_000
DEFAULT_DEPLOYMENT = {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}


def create(store: Store, base_url: str, body: dict[str, Any]) -> dict[str, Any]:
    """A new index, ready at once; a region Pinecone does not have is refused."""
    name = body.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise invalid("Name must consist of lower case alphanumeric characters or '-', at most 45 of them.")
    field, dimension, metric = _vector_field(body.get("schema"))
    cloud, region = _place(body.get("deployment") or DEFAULT_DEPLOYMENT)
    protected, tags = _protection(body.get("deletion_protection")), _tags(body.get("tags"))
    row = (name, field, dimension, metric, cloud, region, protected, json.dumps(tags))
    try:
        with store.write() as db:
            db.execute(
                "INSERT INTO indexes (name, field, dimension, metric, cloud, region, protected, tags)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
    except sqlite3.IntegrityError as error:
        raise PineconeError(409, "Resource already exists") from error
    return describe(store, base_url, name)


def describe(store: Store, base_url: str, name: str) -> dict[str, Any]:
    return _shown(find(store, name), base_url)


def list_all(store: Store, base_url: str) -> dict[str, Any]:
    return {"indexes": [_shown(row, base_url) for row in store.all("SELECT * FROM indexes ORDER BY name")]}


def configure(store: Store, base_url: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Deletion protection and tags; a tag set to '' is removed."""
    if unknown := body.keys() - {"deletion_protection", "tags"}:
        raise invalid(f"The Pinecone double cannot configure {', '.join(sorted(unknown))}.")
    row = find(store, name)
    protected = row["protected"]
    if "deletion_protection" in body:
        protected = _protection(body["deletion_protection"])
    tags = {**json.loads(row["tags"]), **_tags(body.get("tags"))}
    kept = json.dumps({key: value for key, value in tags.items() if value != ""})
    with store.write() as db:
        db.execute("UPDATE indexes SET protected = ?, tags = ? WHERE name = ?", (protected, kept, name))
    return describe(store, base_url, name)


def delete(store: Store, name: str) -> None:
    """The index with everything in it; refused while deletion protection is on."""
    find(store, name)
    with store.write() as db:
        row = db.execute("SELECT protected FROM indexes WHERE name = ?", (name,)).fetchone()
        if row is not None and row["protected"]:
            message = f"Deletion protection is enabled for this index. Disable it before deleting {name}."
            raise PineconeError(403, message)
        inside = "SELECT id FROM namespaces WHERE index_name = ?"
        db.execute(f"DELETE FROM vectors WHERE namespace_id IN ({inside})", (name,))  # noqa: S608
        db.execute("DELETE FROM namespaces WHERE index_name = ?", (name,))
        db.execute("DELETE FROM indexes WHERE name = ?", (name,))


def find(store: Store, name: str) -> sqlite3.Row:
    row = store.one("SELECT * FROM indexes WHERE name = ?", name)
    if row is None:
        raise not_found(f"Resource {name} not found")
    return row


def _shown(row: sqlite3.Row, base_url: str) -> dict[str, Any]:
    field = {"type": "dense_vector", "dimension": row["dimension"], "metric": row["metric"]}
    return {
        "name": row["name"],
        "host": f"{base_url}/data/{row['name']}",
        "status": {"ready": True, "state": "Ready"},
        "schema": {"fields": {row["field"]: field}},
        "deployment": {
            "deployment_type": "managed", "cloud": row["cloud"], "region": row["region"], "environment": "local"
        },
        "deletion_protection": "enabled" if row["protected"] else "disabled",
        "read_capacity": {"mode": "OnDemand", "status": {"state": "Ready"}},
        "tags": json.loads(row["tags"]) or None,
    }  # fmt: skip


def _vector_field(schema: Any) -> tuple[str, int, str]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    if not isinstance(fields, dict) or len(fields) != 1:
        raise invalid("The Pinecone double makes indexes with exactly one dense_vector field.")
    name, field = next(iter(fields.items()))
    if not isinstance(field, dict) or field.get("type") != "dense_vector":
        raise invalid("The Pinecone double makes indexes with exactly one dense_vector field.")
    dimension, metric = field.get("dimension"), field.get("metric", "cosine")
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 1 <= dimension <= MAX_DIMENSION:
        raise invalid(f"dimension must be between 1 and {MAX_DIMENSION}")
    if metric not in METRICS:
        raise invalid(f"metric must be one of {', '.join(METRICS)}")
    return name, dimension, metric


def _place(deployment: Any) -> tuple[str, str]:
    if not isinstance(deployment, dict) or deployment.get("deployment_type") != "managed":
        raise invalid("The Pinecone double makes managed (serverless) indexes only.")
    cloud, region = deployment.get("cloud"), deployment.get("region")
    if cloud not in REGIONS or region not in REGIONS[cloud]:
        raise not_found(f"Resource cloud: {cloud} region: {region} not found")
    return cloud, region


def _protection(value: Any) -> bool:
    if value not in (None, "enabled", "disabled"):
        raise invalid("deletion_protection must be enabled or disabled")
    return bool(value == "enabled")


def _tags(tags: Any) -> dict[str, str]:
    tags = {} if tags is None else tags
    if not isinstance(tags, dict) or len(tags) > 20 or not all(isinstance(value, str) for value in tags.values()):
        raise invalid("tags must be an object of at most 20 strings")
    return tags
