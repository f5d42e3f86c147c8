"""Who writes, told to the database: every change of a governed row carries the actor of its transaction, or fails.

`@action` makes a verb one transaction in which every write is its actor's. `acting` is the same for a block, for
processes of the portal that act by themselves.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from django.db import connection, transaction

from portal.access.actor import Actor
from portal.lib.errors import Refusal

F = TypeVar("F", bound=Callable[..., Any])
Said = tuple[str, str, str, str]
SET = """SELECT set_config('bailiwick.actor', %s, true), set_config('bailiwick.via', %s, true),
                set_config('bailiwick.reason', %s, true), set_config('bailiwick.request', %s, true)"""


@contextmanager
def acting(actor: Actor, reason: str = "") -> Iterator[None]:
    """One transaction, or savepoint, in which writes are the actor's. Inside another, that one's actor comes back.

    A refusal that leaves it may leave something behind (`Refusal.after`), in the transaction around it or its own.
    """
    try:
        with _speaking(actor, reason):
            yield
    except Refusal as refusal:
        refusal.after(actor)
        raise


@contextmanager
def _speaking(actor: Actor, reason: str) -> Iterator[None]:
    before: Said | None = getattr(connection, "acting", None) if connection.in_atomic_block else None
    said = (actor.id, actor.via, reason, actor.request_id)
    with transaction.atomic():
        _say(said)
        try:
            yield
        finally:
            connection.acting = before  # type: ignore[attr-defined]
        if before is not None:  # after an error the rollback has restored it
            _say(before)


def _say(said: Said) -> None:
    if getattr(connection, "acting", None) != said:
        with connection.cursor() as cursor:
            cursor.execute(SET, said)
        connection.acting = said  # type: ignore[attr-defined]


def action(verb: F) -> F:
    """Run a verb `do_x(…, *, actor, reason)` as one transaction of its actor."""
    takes = signature(verb)
    assert "actor" in takes.parameters, f"{verb.__qualname__} does not say who acts"

    @wraps(verb)
    def run(*args: Any, **kwargs: Any) -> Any:
        given = takes.bind(*args, **kwargs).arguments
        with acting(given["actor"], given.get("reason", "")):
            return verb(*args, **kwargs)

    return run  # type: ignore[return-value]


def action_of(actor: Actor) -> Callable[[F], F]:
    """Run a verb that no person asks for as one transaction of a named process."""

    def wrap(verb: F) -> F:
        @wraps(verb)
        def run(*args: Any, **kwargs: Any) -> Any:
            with acting(actor):
                return verb(*args, **kwargs)

        return run  # type: ignore[return-value]

    return wrap
