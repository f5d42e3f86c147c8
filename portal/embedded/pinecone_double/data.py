"""The data plane of one index: vectors in namespaces, exact search, deletes, and what is left.

Every write takes the index's next log sequence number; reads answer with the number they have seen, which here is
always the last one written (Pinecone itself may lag).
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import math
import sqlite3
from array import array
from collections.abc import Callable, Iterator
from operator import mul
from typing import Any

from ..aws.store import Store
from .errors import PineconeError, invalid, not_found
from .filters import Accepts, compile_filter

DEFAULT = "__default__"
MAX_UPSERT, MAX_IDS, MAX_TOP_K, MAX_METADATA, PAGE = 1000, 1000, 10_000, 40 * 1024, 100
TOP_K_WITH_CONTENT = 1000
Body = dict[str, Any]


def upsert(store: Store, index: sqlite3.Row, body: Body) -> Body:
    """Writes all vectors of the request or none; the namespace is made by the first write."""
    vectors = body.get("vectors")
    if not isinstance(vectors, list) or not 1 <= len(vectors) <= MAX_UPSERT:
        raise invalid(f"vectors must have between 1 and {MAX_UPSERT} items")
    rows = [_checked_vector(item, index["dimension"]) for item in vectors]
    with store.write() as db:
        namespace_id = _namespace_id(db, index, _namespace(body), make=True)
        db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", [(namespace_id, *row) for row in rows])
        _advance(db, index)
    return {"upsertedCount": len(rows)}


def update(store: Store, index: sqlite3.Row, body: Body) -> Body:
    """Changes values or metadata of one vector, or metadata of every vector a filter accepts."""
    if bool(body.get("id")) is ("filter" in body):
        raise invalid("give either id or filter")
    values = _values(body["values"], index["dimension"]) if "values" in body else None
    changes = _metadata(body.get("setMetadata")) or {}
    with store.write() as db:
        namespace_id = _namespace_id(db, index, _namespace(body))
        rows = _selected(db, namespace_id, body)
        if not body.get("dryRun"):
            for row in rows:
                metadata = {**json.loads(row["metadata"] or "{}"), **changes}
                vector = (values.tobytes(), _norm(values)) if values else (row["vector"], row["norm"])
                new = (*vector, json.dumps(metadata) if metadata else None, namespace_id, row["id"])
                columns = "vector = ?, norm = ?, metadata = ?"
                db.execute(f"UPDATE vectors SET {columns} WHERE namespace_id = ? AND id = ?", new)  # noqa: S608
            _advance(db, index)
    return {"matchedRecords": len(rows)} if "filter" in body else {}


def delete(store: Store, index: sqlite3.Row, body: Body) -> Body:
    """By ids, by filter, or all of a namespace; a namespace that does not exist is an error, as in Pinecone."""
    if sum([bool(body.get("ids")), body.get("deleteAll") is True, "filter" in body]) != 1:
        raise invalid("give exactly one of ids, deleteAll and filter")
    if "filter" in body and not body["filter"]:
        raise invalid("Delete with empty metadata filter is not allowed")
    with store.write() as db:
        namespace_id = _namespace_id(db, index, _namespace(body))
        if body.get("deleteAll"):
            db.execute("DELETE FROM vectors WHERE namespace_id = ?", (namespace_id,))
        else:
            gone = [(namespace_id, row["id"]) for row in _selected(db, namespace_id, body)]
            db.executemany("DELETE FROM vectors WHERE namespace_id = ? AND id = ?", gone)
        _advance(db, index)
    return {}


def query(store: Store, index: sqlite3.Row, body: Body) -> Body:
    """The nearest vectors of a namespace, best first; an unknown namespace has none."""
    limit = body.get("topK")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_TOP_K:
        raise invalid(f"topK must be between 1 and {MAX_TOP_K}")
    with_values, with_metadata = bool(body.get("includeValues")), bool(body.get("includeMetadata"))
    if limit > TOP_K_WITH_CONTENT and (with_values or with_metadata):
        raise invalid(f"topK can be at most {TOP_K_WITH_CONTENT} with values or metadata")
    if body.get("sparseVector"):
        raise invalid("Index configuration does not support sparse values")
    accepts = compile_filter(body["filter"]) if body.get("filter") else None
    rows = _rows(store, index, _namespace(body))
    wanted = _query_vector(rows, body, index["dimension"])
    score = _scorer(index["metric"], wanted)
    scored = ((score(row), row) for row in _accepted(rows, accepts))
    best = heapq.nsmallest if index["metric"] == "euclidean" else heapq.nlargest
    found = best(limit, scored, key=lambda pair: pair[0])
    matches = [{"score": value, **_shown(row, with_values, with_metadata)} for value, row in found]
    return {"matches": matches, "namespace": _named(body), "usage": {"readUnits": 1}}


def fetch(store: Store, index: sqlite3.Row, namespace: str, ids: list[str]) -> Body:
    if not 1 <= len(ids) <= MAX_IDS:
        raise invalid(f"ids must have between 1 and {MAX_IDS} items")
    known = f"id IN ({', '.join('?' * len(ids))})"
    rows = _rows(store, index, namespace or DEFAULT, known, *ids)
    vectors = {row["id"]: _shown(row, True, True) for row in rows}
    return {"vectors": vectors, "namespace": namespace, "usage": {"readUnits": 1}}


def fetch_by_metadata(store: Store, index: sqlite3.Row, body: Body) -> Body:
    if not body.get("filter"):
        raise invalid("Empty filter provided for fetch by metadata request")
    limit, after = _limit(body.get("limit", PAGE), MAX_TOP_K), _decode(body.get("paginationToken"))
    rows = [row for row in _rows(store, index, _namespace(body)) if row["id"] > after]
    found = list(_accepted(rows, compile_filter(body["filter"])))
    vectors = {row["id"]: _shown(row, True, True) for row in found[:limit]}
    answer = {"vectors": vectors, "namespace": _named(body), "usage": {"readUnits": 1}}
    return {**answer, **_next(found, limit, "id")}


def list_ids(store: Store, index: sqlite3.Row, parameters: dict[str, str]) -> Body:
    """Ids under a prefix in order, a page at a time."""
    prefix, namespace = parameters.get("prefix", ""), parameters.get("namespace", "")
    limit, after = _limit(parameters.get("limit", PAGE), PAGE), _decode(parameters.get("paginationToken"))
    under = "id > ? AND substr(id, 1, ?) = ?", after, len(prefix), prefix
    found = _rows(store, index, namespace or DEFAULT, *under, columns="id", limit=limit + 1)
    vectors = [{"id": row["id"]} for row in found[:limit]]
    answer = {"vectors": vectors, "namespace": namespace, "usage": {"readUnits": 1}}
    return {**answer, **_next(found, limit, "id")}


def stats(store: Store, index: sqlite3.Row, body: Body) -> Body:
    if body.get("filter"):
        raise invalid("Serverless and Starter indexes do not support describing index stats with metadata filtering")
    counted = _counts(store, index)
    return {
        "namespaces": {row["name"]: {"vectorCount": row["count"]} for row in counted},
        "dimension": index["dimension"], "indexFullness": 0, "metric": index["metric"], "vectorType": "dense",
        "totalVectorCount": sum(row["count"] for row in counted),
    }  # fmt: skip


def create_namespace(store: Store, index: sqlite3.Row, body: Body) -> Body:
    name = _checked_namespace(body.get("name"))
    try:
        with store.write() as db:
            if name == DEFAULT:
                raise invalid(f"{DEFAULT} is reserved and cannot be created")
            db.execute("INSERT INTO namespaces (index_name, name) VALUES (?, ?)", (index["name"], name))
            _advance(db, index)
    except sqlite3.IntegrityError as error:
        raise PineconeError(409, f"Namespace {name} already exists") from error
    return describe_namespace(store, index, name)


def describe_namespace(store: Store, index: sqlite3.Row, name: str) -> Body:
    for row in _counts(store, index):
        if row["name"] == name:
            return _shown_namespace(row)
    raise not_found("Namespace not found")


def list_namespaces(store: Store, index: sqlite3.Row, parameters: dict[str, str]) -> Body:
    prefix, after = parameters.get("prefix", ""), _decode(parameters.get("paginationToken"))
    limit = _limit(parameters.get("limit", PAGE), PAGE)
    known = [row for row in _counts(store, index) if row["name"].startswith(prefix)]
    found = [row for row in known if row["name"] > after]
    answer = {"namespaces": [_shown_namespace(row) for row in found[:limit]], "total_count": len(known)}
    return {**answer, **_next(found, limit, "name")}


def delete_namespace(store: Store, index: sqlite3.Row, name: str) -> Body:
    """The namespace and everything in it."""
    with store.write() as db:
        namespace_id = _namespace_id(db, index, name)
        db.execute("DELETE FROM vectors WHERE namespace_id = ?", (namespace_id,))
        db.execute("DELETE FROM namespaces WHERE id = ?", (namespace_id,))
        _advance(db, index)
    return {}


def last_lsn(store: Store, index_name: str) -> int:
    row = store.one("SELECT lsn FROM indexes WHERE name = ?", index_name)
    return row["lsn"] if row else 0


def _advance(db: sqlite3.Connection, index: sqlite3.Row) -> None:
    if not db.execute("UPDATE indexes SET lsn = lsn + 1 WHERE name = ?", (index["name"],)).rowcount:
        raise not_found(f"Resource {index['name']} not found")


def _namespace(body: Body) -> str:
    return _checked_namespace(body.get("namespace") or DEFAULT)


def _named(body: Body) -> str:
    return str(body.get("namespace") or "")


def _checked_namespace(name: Any) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= 512 or not name.isascii() or "\x00" in name:
        raise invalid("a namespace name is 1 to 512 ASCII characters without NUL")
    return name


def _namespace_id(db: sqlite3.Connection, index: sqlite3.Row, name: str, make: bool = False) -> int:
    sql = "SELECT id FROM namespaces WHERE index_name = ? AND name = ?"
    row = db.execute(sql, (index["name"], name)).fetchone()
    if row is not None:
        return int(row["id"])
    if not make:
        raise not_found("Namespace not found")
    cursor = db.execute("INSERT INTO namespaces (index_name, name) VALUES (?, ?)", (index["name"], name))
    return cursor.lastrowid or 0


def _rows(
    store: Store, index: sqlite3.Row, name: str, where: str = "1", *known: Any, columns: str = "*", limit: int = -1
) -> list[sqlite3.Row]:
    sql = "SELECT id FROM namespaces WHERE index_name = ? AND name = ?"
    namespace = store.one(sql, index["name"], name)
    if namespace is None:
        return []
    found = f"SELECT {columns} FROM vectors WHERE namespace_id = ? AND {where} ORDER BY id LIMIT {limit}"  # noqa: S608
    return store.all(found, namespace["id"], *known)


def _selected(db: sqlite3.Connection, namespace_id: int, body: Body) -> list[sqlite3.Row]:
    """The vectors a write names by id, ids or filter; an id that is not there selects nothing."""
    if "filter" in body:
        rows = db.execute("SELECT * FROM vectors WHERE namespace_id = ?", (namespace_id,)).fetchall()
        return list(_accepted(rows, compile_filter(body["filter"])))
    ids = [body["id"]] if body.get("id") else body["ids"]
    if not isinstance(ids, list) or len(ids) > MAX_IDS:
        raise invalid(f"ids must be a list of at most {MAX_IDS}")
    sql = "SELECT * FROM vectors WHERE namespace_id = ? AND id = ?"
    found = (db.execute(sql, (namespace_id, _checked_id(item))).fetchone() for item in ids)
    return [row for row in found if row is not None]


def _accepted(rows: list[sqlite3.Row], accepts: Accepts | None) -> Iterator[sqlite3.Row]:
    for row in rows:
        if accepts is None or accepts(json.loads(row["metadata"] or "{}")):
            yield row


def _counts(store: Store, index: sqlite3.Row) -> list[sqlite3.Row]:
    return store.all(
        "SELECT n.name, count(v.id) AS count FROM namespaces n LEFT JOIN vectors v ON v.namespace_id = n.id"
        " WHERE n.index_name = ? GROUP BY n.id ORDER BY n.name",
        index["name"],
    )


def _checked_vector(item: Any, dimension: int) -> tuple[str, bytes, float, str | None]:
    if not isinstance(item, dict):
        raise invalid("every vector must be an object")
    if item.get("sparseValues"):
        raise invalid("Index configuration does not support sparse values")
    values, metadata = _values(item.get("values"), dimension), _metadata(item.get("metadata"))
    return _checked_id(item.get("id")), values.tobytes(), _norm(values), json.dumps(metadata) if metadata else None


def _checked_id(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 512 or not value.isascii() or "\x00" in value:
        raise invalid("a vector id is 1 to 512 ASCII characters without NUL")
    return value


def _values(values: Any, dimension: int) -> array[float]:
    """Single precision, as Pinecone keeps them; zeros only, wrong length and non-finite numbers are refused."""
    try:
        found = array("f", values)
    except (TypeError, OverflowError) as error:
        raise invalid("values must be a list of numbers") from error
    if len(found) != dimension:
        raise invalid(f"Vector dimension {len(found)} does not match the dimension of the index {dimension}")
    if not all(map(math.isfinite, found)):
        raise invalid("values must be finite")
    if not any(found):
        raise invalid("Dense vectors must contain at least one non-zero value.")
    return found


def _norm(values: array[float]) -> float:
    return math.sqrt(sum(map(mul, values, values)))


def _metadata(metadata: Any) -> dict[str, Any] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not all(_is_metadata(value) for value in metadata.values()):
        raise invalid("Metadata value must be a string, number, boolean or list of strings")
    if len(json.dumps(metadata)) > MAX_METADATA:
        raise invalid(f"Metadata size exceeds the limit of {MAX_METADATA} bytes per vector")
    return metadata


def _is_metadata(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, (str, int, float, bool))


def _query_vector(rows: list[sqlite3.Row], body: Body, dimension: int) -> array[float]:
    if bool(body.get("id")) is bool(body.get("vector")):
        raise invalid("give either id or vector")
    if "vector" in body:
        return _values(body["vector"], dimension)
    found = next((row for row in rows if row["id"] == body["id"]), None)
    return _unpacked(found) if found is not None else array("f", [1.0] + [0.0] * (dimension - 1))


def _scorer(metric: str, wanted: array[float]) -> Callable[[sqlite3.Row], float]:
    if metric == "euclidean":
        return lambda row: sum((a - b) ** 2 for a, b in zip(_unpacked(row), wanted, strict=True))
    if metric == "dotproduct":
        return lambda row: sum(map(mul, _unpacked(row), wanted))
    length = _norm(wanted)
    return lambda row: sum(map(mul, _unpacked(row), wanted)) / (length * row["norm"])


def _unpacked(row: sqlite3.Row) -> array[float]:
    return array("f", row["vector"])


def _shown(row: sqlite3.Row, with_values: bool, with_metadata: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row["id"]}
    if with_values:
        shown["values"] = list(_unpacked(row))
    if with_metadata and row["metadata"]:
        shown["metadata"] = json.loads(row["metadata"])
    return shown


def _shown_namespace(row: sqlite3.Row) -> dict[str, Any]:
    return {"name": row["name"], "record_count": str(row["count"])}


def _limit(value: Any, most: int) -> int:
    text = str(value)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid(f"limit must be between 1 and {most}")
    return int(text)


def _next(found: list[sqlite3.Row], limit: int, column: str) -> Body:
    if len(found) <= limit:
        return {}
    return {"pagination": {"next": base64.urlsafe_b64encode(found[limit - 1][column].encode()).decode()}}


def _decode(token: Any) -> str:
    try:
        return base64.urlsafe_b64decode(str(token).encode()).decode() if token else ""
    except (ValueError, binascii.Error) as error:
        raise invalid("the pagination token is not one of ours") from error
