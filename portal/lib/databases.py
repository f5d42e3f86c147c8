"""Database addresses: of one server, or of several of which one is wanted."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

# A server that vanished without a word is given up in seconds, not when the kernel tires of it; the sooner where
# another one waits to be asked.
ALONE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
STATEMENTS = 1000  # that a session keeps planned: an erasure has some 250, and psycopg's 100 push each other out
ONE_OF_SEVERAL = {
    "connect_timeout": 2,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 6_000,
}


def parameters(url: str, wanted: str = "read-write") -> dict[str, Any]:
    """What libpq is told of `postgresql://user:password@one:5432,two:5432/name`; the address may say otherwise.

    Of several servers it is the first that is what is `wanted`: by default the one that takes writes.
    """
    given = conninfo_to_dict(url)
    several = {**ONE_OF_SEVERAL, "target_session_attrs": wanted}
    return {**(several if "," in str(given.get("host", "")) else ALONE), **given}


def django(url: str, wanted: str = "read-write", *, prepared: bool = False) -> dict[str, Any]:
    """The same in Django's form.

    `prepared`: statements that come again are planned once a session. Not behind a pooler whose sessions change hands,
    but for PgBouncer from 1.21 on with `max_prepared_statements`.
    """
    given = parameters(url, wanted)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", 5432),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 2 if prepared else None, **given},
    }


def keep_statements(connection: Any, **_: Any) -> None:
    """Let a new session of Django's keep all the planned statements that its work has; hears connection_created."""
    connection.connection.prepared_max = STATEMENTS
