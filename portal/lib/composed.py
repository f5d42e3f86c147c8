"""Queries that are asked all the time, their SQL composed once a process.

For a row by its key Django works longer on the words of the question than the database on the answer; where a job asks
hundreds of them, that is half of its time.
"""

from collections.abc import Callable
from copy import copy
from functools import cache, wraps
from inspect import signature
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from django.db import connections
from django.db.models import Expression, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
R = TypeVar("R")


class Slot(Expression):
    """Stands in a query for a value that is not known yet."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> Any:
        return "%s", [self]


def composed(build: Callable[P, QuerySet[M, R]]) -> Callable[P, list[R]]:
    """Make of a function that returns a queryset one that returns its rows; it is called once, to see what it asks.

    Its parameters are compared with columns of their own type and nothing else: the queryset's form may not depend on
    them. They are given in order, each of the type that its column has in Python.
    """

    ask: Callable[..., Any] = build

    @cache
    def asked() -> tuple[Any, SQLCompiler, str, tuple[Any, ...]]:
        rows = ask(*(Slot(number) for number in range(len(signature(build).parameters))))
        compiler = rows.query.get_compiler(rows.db)
        return rows, compiler, *compiler.as_sql()

    @wraps(build)
    def answered(*values: P.args, **_: P.kwargs) -> list[R]:
        rows, first, sql, params = asked()
        compiler: Any = copy(first)
        compiler.connection = connections[rows.db]
        if rows.query.select_for_update and compiler.connection.get_autocommit():
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        bound = [values[one.number] if isinstance(one, Slot) else one for one in params]
        compiler.as_sql = lambda: (sql, bound)
        query = copy(rows.query)
        query.get_compiler = lambda *_, **__: compiler
        return list(rows._iterable_class(SimpleNamespace(query=query, db=rows.db, _known_related_objects={})))

    return answered
