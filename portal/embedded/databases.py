"""The SQL that gives a fresh or kept cluster its databases, roles and passwords. Safe to run at every start."""

from portal.embedded.home import PROJECT

REGION_SCHEMA = PROJECT / "ragplatform" / "schema.sql"
# One runner at a time, should two supervisors ever share a cluster.
LOCK = "SELECT pg_advisory_lock(7401210001);\n"
TIMEOUTS = "idle_in_transaction_session_timeout = '5s'", "transaction_timeout = '5s'"


def control(passwords: dict[str, str]) -> str:
    """Database `bailiwick`, owned by bw_owner; `migrator` acts as its owner there, `app` owns nothing.

    `bw_ledger` owns the ledger and cannot log in; only migrations act as it.

    The grants to `app` are also put into template1: default privileges belong to a database, and tests create theirs.
    """
    script = LOCK + _role("bw_owner", "NOLOGIN") + _role("bw_ledger", "NOLOGIN") + _role("migrator", "CREATEDB")
    script += "".join(_role(name) for name in ("app", "sealer", "reader"))
    script += "".join(f"ALTER ROLE {name} LOGIN PASSWORD '{passwords[name]}';\n" for name in sorted(passwords))
    script += "GRANT bw_owner, bw_ledger TO migrator;\n"
    script += "GRANT pg_read_all_stats TO sealer;\n"  # to name who holds the seal up
    script += "".join(f"ALTER ROLE app SET {setting};\n" for setting in TIMEOUTS)
    script += _database("bailiwick", "bw_owner")
    script += "REVOKE ALL ON DATABASE bailiwick FROM PUBLIC;\n"
    script += "GRANT CONNECT ON DATABASE bailiwick TO migrator, app, sealer, reader;\n"
    script += "ALTER ROLE migrator IN DATABASE bailiwick SET role = 'bw_owner';\n"
    return script + _defaults("template1") + _defaults("bailiwick")


def region(passwords: dict[str, str]) -> str:
    """Database `rag` with the data plane's schema, and a password for each login the schema creates."""
    script = LOCK + _database("rag", "postgres") + "\\connect rag\n" + LOCK
    script += REGION_SCHEMA.read_text() + "\nRESET ROLE;\n"
    return script + "".join(f"ALTER ROLE {name} PASSWORD '{passwords[name]}';\n" for name in sorted(passwords))


def _role(name: str, attributes: str = "") -> str:
    return _unless(f"SELECT FROM pg_roles WHERE rolname = '{name}'", f"CREATE ROLE {name} {attributes}")


def _database(name: str, owner: str) -> str:
    return _unless(f"SELECT FROM pg_database WHERE datname = '{name}'", f"CREATE DATABASE {name} OWNER {owner}")


def _unless(found: str, statement: str) -> str:
    """psql runs the statement when the query returns nothing; names here are constants of this file."""
    return f"SELECT '{statement}' WHERE NOT EXISTS ({found}) \\gexec\n"


def _defaults(database: str) -> str:
    created = "ALTER DEFAULT PRIVILEGES FOR ROLE migrator, bw_owner GRANT"
    return (
        f"\\connect {database}\n"
        f"{created} SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;\n"
        f"{created} USAGE, SELECT ON SEQUENCES TO app;\n"
        f"{created} USAGE ON SCHEMAS TO app, sealer, reader;\n"
    )
