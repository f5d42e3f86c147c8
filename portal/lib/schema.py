"""Whether the database has the tables of this version: a first start is still making them, an upgrade may come late."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_stands: list[bool] = []


def is_behind() -> bool:
    """Return True while a migration of this version is to be applied; it never falls behind again in a process's life.

    Asked on a connection of its own, for the caller's may be in a transaction that has failed.
    """
    if not _stands:
        own = connection.copy()
        try:
            executor = MigrationExecutor(own)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return True
        finally:
            own.close()
        _stands.append(True)
    return False
