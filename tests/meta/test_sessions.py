"""Nothing is left in a database session: behind PgBouncer in transaction mode the next statement may be a stranger's.

So settings are SET LOCAL or set_config(…, true), locks end with the transaction, and nobody listens, prepares, or
makes temporary tables. tests/security/test_pooling.py looks into the sessions of a real one.
"""

import ast
import re
from pathlib import Path

from .source import APPS, ROOT, modules, tree

SESSION_LEVEL = {
    "SET without LOCAL": re.compile(r"(?:^|;)\s*SET\s+(?!LOCAL\b|CONSTRAINTS\b|TRANSACTION\b)[a-z_.]+\s*(?:=|TO\b)"),
    "SET ROLE or SESSION": re.compile(r"(?:^|;)\s*(?:RE)?SET\s+(?:SESSION\b|ROLE\b)"),
    "set_config for the session": re.compile(r"set_config\([^)]*,\s*false\s*\)", re.I),
    "a lock of the session": re.compile(r"pg_(?:try_)?advisory_(?:lock|unlock)", re.I),
    "LISTEN": re.compile(r"(?:^|;)\s*(?:UN)?LISTEN\b"),
    "PREPARE": re.compile(r"(?:^|;)\s*(?:PREPARE|DEALLOCATE)\s", re.I),
    "a temporary table": re.compile(r"\bCREATE\s+(?:LOCAL\s+)?TEMP(?:ORARY)?\b", re.I),
    "a cursor WITH HOLD": re.compile(r"\bWITH\s+HOLD\b", re.I),
}  # fmt: skip
# Connections of their own, never through a pooler.
ALLOWED = {
    "portal/jobs/dispatch.py": "LISTEN on BAILIWICK_DIRECT_DATABASE_URL; refuses where the session is not its own",
    "portal/embedded/databases.py": "psql scripts that prepare a cluster",
    "portal/audit/sealing/service.py": "the sealer's own role and connection, never through a pooler",
    "lifecycle/stores/postgres/rows.py": "a connection of its own to a region, closed afterwards",
    "lifecycle/migration/engine/load.py": "the mover's own connection to a region; the table ends with its transaction",
    "lifecycle/migration/engine/native.py": "the mover's own connection to a region, on which a slot is made",
    "lifecycle/provisioning/validation/checks/database_connection.py": "what must be refused is tried, in a region",
    "lifecycle/provisioning/validation/canary.py": "the validator's own connection to a region, held for the check",
}


def texts(path: Path) -> list[tuple[int, str]]:
    """Every string of the module that is code to somebody; docstrings are not."""
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [(node.lineno, node.value) for node in found if id(node) not in told]


def sins(text: str) -> list[str]:
    return [what for what, pattern in SESSION_LEVEL.items() if pattern.search(text)]


def test_nothing_is_left_in_a_session() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in modules(*APPS)
        if str(path.relative_to(ROOT)) not in ALLOWED
        for line, text in texts(path)
        for what in sins(text)
    }
    assert not found, "\n".join(sorted(found))


def test_the_list_of_exceptions_is_needed() -> None:
    for name in ALLOWED:
        assert any(sins(text) for _, text in texts(ROOT / name)), f"{name} needs no exception any more"


def test_the_patterns_see() -> None:
    seen = [
        "SET work_mem = '9MB'", "SET search_path TO x", "SELECT 1; SET ROLE x", "RESET ROLE", "SET SESSION x = 1",
        "SELECT set_config('a', %s, false)", "SELECT pg_advisory_lock(1)", "LISTEN x", "PREPARE x AS SELECT 1",
        "CREATE TEMP TABLE x ()", "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    ]  # fmt: skip
    unseen = [
        "SET LOCAL work_mem = '9MB'", "UPDATE a SET b = 1", "SET CONSTRAINTS ALL IMMEDIATE", "pg_advisory_xact_lock(1)",
        "SELECT set_config('a', %s, true)", "ALTER ROLE x SET y = 1", "SET TRANSACTION READ ONLY",
    ]  # fmt: skip
    assert [text for text in seen if not sins(text)] == []
    assert [text for text in unseen if sins(text)] == []
