"""The SQL that gives a fresh or kept cluster its databases, roles and passwords. Safe to run at every start."""

from portal.embedded.home import PROJECT

ROLES = PROJECT / "deploy" / "roles.sql"
REGION_SCHEMAS = [PROJECT / "ragplatform" / name for name in ("schema.sql", "guard.sql")]
# One runner at a time, should two supervisors ever share a cluster.
LOCK = "SELECT pg_advisory_lock(7401210001);\n"
RAG = "SELECT 'CREATE DATABASE rag' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'rag') \\gexec\n"


def control(passwords: dict[str, str]) -> str:
    """Database `bailiwick` and its roles as in production, and a password for each that logs in.

    Tests create databases of their own: `migrator` may, and the default privileges are in template1, too.
    """
    roles = ROLES.read_text()
    script = LOCK + roles + "ALTER ROLE migrator CREATEDB;\n"
    script += "".join(f"ALTER ROLE {name} LOGIN PASSWORD '{passwords[name]}';\n" for name in sorted(passwords))
    defaults = [line for line in roles.splitlines() if line.startswith("ALTER DEFAULT PRIVILEGES")]
    return script + "\n".join(["\\connect template1", *defaults, ""])


def region(passwords: dict[str, str]) -> str:
    """Database `rag` with the data plane's schema, and a password for each login the schema creates."""
    script = LOCK + RAG + "\\connect rag\n" + LOCK
    script += "".join(schema.read_text() + "\nRESET ROLE;\n" for schema in REGION_SCHEMAS)
    return script + "".join(f"ALTER ROLE {name} PASSWORD '{passwords[name]}';\n" for name in sorted(passwords))
