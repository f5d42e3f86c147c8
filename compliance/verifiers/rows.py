"""Counts rows of a tenant or a person, and rows of the manifest, in one snapshot."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from . import kept, tables
from .answering import NotChecked, Seen
from .database import opened
from .looking import Question
from .manifest import codes, were_listed
from .tables import Table

OTHERS = "SELECT tenant_id FROM bw.fence WHERE tenant_id <> %(tenant)s"
CLONES = """
SELECT count(*) FROM bw.erasure_item i JOIN rag.users u ON u.tenant_id = ANY(%(others)s) AND u.id = i.key[1]::uuid
WHERE i.request_id = %(request)s AND i.system = ANY(%(systems)s) AND i.table_name = 'users'
"""
LISTED = """
SELECT request_id, table_name, min(cardinality(key)), max(cardinality(key)) FROM bw.erasure_item
WHERE request_id = ANY(%(requests)s) AND system = ANY(%(systems)s) AND table_name IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
"""
PRESENT = """
SELECT i.request_id, count(*) FROM bw.erasure_item i JOIN {table} AS t ON {tenant} AND {key}
WHERE i.request_id = ANY(%(requests)s) AND i.system = ANY(%(systems)s) AND i.table_name = %(name)s GROUP BY 1
"""


def counted(questions: Sequence[Question], system: str, ours: Callable[[Table], bool]) -> list[Seen | NotChecked]:
    """Count for each question in every table that is `ours`; NotChecked if a single one of them could not be."""
    seen: dict[int, Seen | NotChecked] = {}
    with opened(questions[0].region) as db:
        found = tables.sound([one for one in tables.read(db) if ours(one)])
        if not found:
            raise NotChecked(f"No table of {system} is there: it was renamed, dropped, or cannot be seen.")
        for numbers in _alike(questions):
            seen |= zip(numbers, _of_alike(db, found, [questions[one] for one in numbers], system), strict=True)
    return [seen[number] for number in range(len(questions))]


def _alike(questions: Sequence[Question]) -> Iterable[list[int]]:
    """The numbers of questions of one kind about one tenant, of which a law keeps the same."""
    found: dict[Any, list[int]] = {}
    for number, one in enumerate(questions):
        found.setdefault((one.tenant_id, one.kind, one.user_id is None, one.kept), []).append(number)
    return found.values()


def _of_alike(
    db: Connection[Any], found: list[Table], alike: Sequence[Question], system: str
) -> Iterator[Seen | NotChecked]:
    """What is there for each. All are sought at once first: a table that names none of them names no single one."""
    others = [one for (one,) in db.execute(OTHERS, {"tenant": alike[0].tenant_id})]
    try:
        stays = kept.conditions(db, alike[0].kept_of(system))
    except NotChecked as error:
        yield from [error] * len(alike)
        return
    all_ = {str(one): one.count(alike[0], but=stays.get(str(one))) for one in found}
    all_ |= {f"{one}, of other tenants": one.elsewhere(alike[0]) for one in found}
    statements = {name: one for name, one in all_.items() if one}
    apart = {str(one): one.count(alike[0], only=stays[str(one)]) for one in found if str(one) in stays}
    kept_there = {name: one for name, one in apart.items() if one}
    words = ";\n".join(one.as_string(db) for one in [*statements.values(), *kept_there.values()])
    present = _listed(db, found, alike, system)
    if len(alike) > 1:
        asked = parameters(alike, system, others)
        statements = {name: one for name, one in statements.items() if _number(db, one, asked)}
        kept_there = {name: one for name, one in kept_there.items() if _number(db, one, asked)}
    for question in alike:
        asked, listed = parameters([question], system, others), present.get(question.request_id)
        seen = Seen(Counter({name: _number(db, one, asked) for name, one in statements.items()}), query=words)
        seen.kept.update({name: _number(db, one, asked) for name, one in kept_there.items()})
        if listed is not None and question.kind == "tenant" and any(str(one) == "rag.users" for one in found):
            seen.by["rag.users, of other tenants"] += _number(db, sql.SQL(CLONES).format(), asked)
        if isinstance(listed, NotChecked):
            yield listed
        else:
            seen.listed = listed
            yield seen


def parameters(questions: Sequence[Question], system: str, others: list[UUID]) -> dict[str, Any]:
    """Of one question, or of several about people of one tenant."""
    users = [one.user_id for one in questions if one.user_id]
    return {
        "tenant": questions[0].tenant_id,
        "users": users,
        "subject": [*users, *(document for one in questions for document in one.documents)],
        "digits": "|".join(one.hex for one in users),
        "request": questions[0].request_id,
        "systems": codes(system, questions[0].region),
        "others": others,
    }


def _listed(
    db: Connection[Any], found: list[Table], alike: Sequence[Question], system: str
) -> dict[UUID, int | NotChecked]:
    """How many rows of each manifest are there; every table that it names must be, with the key it had."""
    were = were_listed(db, [one.request_id for one in alike])
    if not were:
        return {}
    by_name = {one.name: one for one in found if one.schema == "rag"} | {str(one): one for one in found}
    asked = {"requests": list(were), "systems": codes(system, alike[0].region), "tenant": alike[0].tenant_id}
    present: dict[UUID, int | NotChecked] = dict.fromkeys(were, 0)
    wanted = dict[str, Table]()
    for request, name, least, most in db.execute(LISTED, asked).fetchall():
        table = by_name.get(name)
        if table is None:
            said = f"{name} is in the manifest and not in the database: it was renamed or dropped."
            present[request] = NotChecked(said)
        elif not least == most == len(_rest(table)):
            present[request] = NotChecked(f"The key of {table} is not the one that the manifest was made with.")
        else:
            wanted[name] = table
    bad = {request for request, many in present.items() if isinstance(many, NotChecked)}
    asked["requests"] = list(were - bad)
    for name, table in wanted.items():
        for request, many in db.execute(_present(table, _rest(table)), {**asked, "name": name}).fetchall():
            present[request] += many
    return present


def _rest(table: Table) -> list[str]:
    return [name for name in table.key if name != tables.TENANT]


def _present(table: Table, rest: list[str]) -> sql.Composed:
    same = sql.SQL("t.{} = i.key[{}]::{}")
    key = [
        same.format(sql.Identifier(name), sql.Literal(place), sql.SQL(table.columns[name]))
        for place, name in enumerate(rest, 1)
    ]
    joined = sql.SQL(" AND ").join(key) if key else sql.SQL("true")
    return sql.SQL(PRESENT).format(table=table.identifier, tenant=table.of_tenant, key=joined)


def _number(db: Connection[Any], statement: sql.Composed, asked: dict[str, Any]) -> int:
    row = db.execute(statement, asked).fetchone()
    assert row is not None
    return int(row[0])
