"""The statements by which rows are listed and deleted, made of what the store's catalogue says of a table."""

from collections.abc import Sequence

from psycopg import sql

from lifecycle.erasure.engine.target import Target
from lifecycle.stores.postgres.catalogue import Table

# One batch of the list, by the key it has in the table: typed, so that the table's own index finds the rows.
BATCH = """
WITH batch AS MATERIALIZED (
    SELECT i.seq AS "listed as", {keys} FROM bw.erasure_item i
    WHERE i.request_id = %(request)s AND i.system = %(system)s AND i.seq > %(after)s AND i.seq <= %(upto)s {of}
    ORDER BY i.seq
)
"""
DELETE = """, gone AS (DELETE FROM {table} t USING batch b WHERE {same} {spared} RETURNING {bytes} AS bytes)
SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM gone
"""
LEFT = "SELECT count(*) FROM {table} t JOIN batch b ON {same}"
LIST = """
INSERT INTO bw.erasure_item (request_id, system, seq, id, table_name, key)
SELECT %(request)s, %(system)s, %(listed)s + row_number() OVER (ORDER BY {columns}),
       {prefix} || concat_ws('/', {texts}), {name}, ARRAY[{texts}]
FROM {table} WHERE tenant_id = %(tenant)s AND {concerned}
  AND (NOT %(is_again)s OR ARRAY[{texts}] NOT IN (
      SELECT key FROM bw.erasure_item WHERE request_id = %(request)s AND system = %(system)s AND table_name = {name}))
"""
# A list that is opened again is put in order anew: children first, as late ones may refer to what is listed already.
# What is to be dealt with waits far behind until its table has its turn.
ASIDE = 10**15
PUT_ASIDE = """
UPDATE bw.erasure_item SET seq = seq + %(aside)s
WHERE request_id = %(request)s AND system = %(system)s AND seq > %(upto)s
"""
STILL_THERE = """
UPDATE bw.erasure_item SET seq = seq + %(aside)s WHERE request_id = %(request)s AND system = %(system)s
  AND table_name = {name} AND seq IN (SELECT b."listed as" FROM {table} t JOIN batch b ON {same})
"""
TAKE_BACK = """
UPDATE bw.erasure_item i SET seq = %(listed)s + n.place
FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM bw.erasure_item
      WHERE request_id = %(request)s AND system = %(system)s AND seq > %(aside)s
        AND table_name = coalesce(%(table)s, table_name)) n
WHERE i.request_id = %(request)s AND i.system = %(system)s AND i.seq = n.seq
"""
SPARED = " AND NOT EXISTS (SELECT FROM {child} c WHERE {refers})"


def listing(table: Table, target: Target, prefix: str, kept: sql.Composable | None = None) -> sql.Composed | None:
    """The statement that lists the target's rows of the table in order of their keys; None where it has none.

    Rows that are `kept` are not listed.
    """
    concerned = _concerned(table, target)
    if concerned is None:
        return None
    if kept is not None:
        concerned = sql.SQL("{} AND NOT ({})").format(concerned, kept)
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.key]
    return sql.SQL(LIST).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, table.key)),
        prefix=sql.Literal(f"{prefix}:"),
        texts=sql.SQL(", ").join(texts),
        name=sql.Literal(table.name),
        table=table.identifier,
        concerned=concerned,
    )


def kept(table: Table, parts: frozenset[str], tables: Sequence[Table]) -> sql.Composable | None:
    """Which rows stay: all of the tables that are `parts`, and what kept rows of any of the `tables` refer to.

    A condition on the table by its own name; None where none stays.
    """
    if table.name in parts:
        return sql.SQL("true")
    found = []
    for child in tables:
        for reference in child.references:
            if reference.table != table.name or child is table or (inner := kept(child, parts, tables)) is None:
                continue
            pairs = zip(reference.columns, reference.there, strict=True)
            refers = [
                sql.SQL("{} = {}").format(sql.Identifier(child.name, here), sql.Identifier(table.name, there))
                for here, there in pairs
            ]
            found.append(
                sql.SQL("EXISTS (SELECT FROM {} WHERE {} AND ({}))").format(
                    child.identifier, sql.SQL(" AND ").join(refers), inner
                )
            )
    return sql.SQL(" OR ").join(found) if found else None


def reached(parts: frozenset[str], tables: Sequence[Table]) -> frozenset[str]:
    """The tables that are `parts`, and all to which their rows may refer: with a part goes what stood for its sake."""
    known = {table.name: table for table in tables}
    found, new = set(parts), set(parts)
    while new:
        new = {reference.table for name in new & known.keys() for reference in known[name].references} - found
        found |= new
    return frozenset(found)


def deletion(table: Table, children: list[Table]) -> sql.Composed:
    """The statement that deletes a batch and returns how many rows went, and the bytes of documents among them.

    Rows to which the `children` still refer are left.
    """
    size = sql.Identifier("t", "bytes") if table.name == "documents" else sql.Literal(0)
    spared = sql.SQL("").join(_spared(child, table) for child in children)
    rest = sql.SQL(DELETE).format(table=table.identifier, same=_same(table), spared=spared, bytes=size)
    return _batch(table) + rest


def left(table: Table) -> sql.Composed:
    """The statement that counts the rows of a batch that are still there."""
    return _batch(table) + sql.SQL(LEFT).format(table=table.identifier, same=_same(table))


def still_there(table: Table) -> sql.Composed:
    """The statement that puts aside what has been dealt with in this table and is there all the same."""
    parts = {"name": sql.Literal(table.name), "table": table.identifier, "same": _same(table)}
    return _batch(table, mixed=True) + sql.SQL(STILL_THERE).format(**parts)


def _concerned(table: Table, target: Target) -> sql.Composable | None:
    """A person's document counts as theirs when the target names it; one that it does not name is left, to be found."""
    if target.is_whole_tenant:
        return sql.SQL("true")
    found = []
    if target.kind == "person" and table.name != "documents":
        found = [sql.SQL("{} = %(person)s").format(sql.Identifier(name)) for name in table.people]
    if table.document:
        found.append(sql.SQL("{} = ANY (%(documents)s)").format(sql.Identifier(table.document)))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(found)) if found else None


def _batch(table: Table, *, mixed: bool = False) -> sql.Composed:
    """`mixed`: the span may hold rows of other tables, which are passed over."""
    typed = enumerate(zip(table.key, table.types, strict=True), 1)
    keys = (sql.SQL("i.key[{}]::{} AS {}").format(n, sql.SQL(kind), sql.Identifier(name)) for n, (name, kind) in typed)
    of = sql.SQL("AND i.table_name = {}").format(sql.Literal(table.name)) if mixed else sql.SQL("")
    return sql.SQL(BATCH).format(keys=sql.SQL(", ").join(keys), of=of)


def _same(table: Table) -> sql.Composed:
    pairs = [sql.SQL("t.{0} = b.{0}").format(sql.Identifier(name)) for name in table.key]
    return sql.SQL(" AND ").join([sql.SQL("t.tenant_id = %(tenant)s"), *pairs])


def _spared(child: Table, table: Table) -> sql.Composed:
    made = []
    for reference in child.references:
        if reference.table == table.name:
            pairs = zip(reference.columns, reference.there, strict=True)
            refers = [
                sql.SQL("c.{} = t.{}").format(sql.Identifier(here), sql.Identifier(there)) for here, there in pairs
            ]
            made.append(sql.SQL(SPARED).format(child=child.identifier, refers=sql.SQL(" AND ").join(refers)))
    return sql.SQL("").join(made)
