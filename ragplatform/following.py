"""A tenant may move while a request is under way: then it is done again, here or at the owner. Latency, not errors."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from bailiwick_client import Refused, Registry, Router
from flask import Response, request

from . import metrics
from .neighbours import HOP, Neighbours
from .problems import Elsewhere, Moved, Problem, unavailable

BOUND_SECONDS, LOOK_SECONDS = 5.0, 0.25


class Follower:
    """Finishes requests of tenants that move, within a bound.

    Only what a store refused whole is done again, so nothing is done twice; an object put for a refused upload is left
    to the sweep by its note. At most `seats` requests wait or are handed on at a time: one tenant before its fence
    must not take its neighbours' threads, nor two regions each other's. Who finds no seat is told to come again.
    """

    def __init__(
        self, registry: Registry, neighbours: Neighbours, seats: int, bound_seconds: float = BOUND_SECONDS
    ) -> None:
        self._registry = registry
        self._router = Router(registry)
        self._neighbours = neighbours
        self._seats = threading.BoundedSemaphore(seats)
        self._bound = bound_seconds

    def serve(self, attempt: Callable[[], Response]) -> Response:
        """The first answer that is not a refusal for the tenant's move; raises that refusal once the bound is over."""
        until = time.monotonic() + self._bound
        asked_anew = False
        while True:
            try:
                return attempt()
            except Moved as moved:
                self._wait_for_store(moved, until)
            except Elsewhere as elsewhere:
                if HOP not in request.headers:
                    answer = self._hand_on(elsewhere, until)
                    if answer is not None:
                        return answer
                elif asked_anew:
                    raise
                else:  # who sent it here may have heard of a move that we have not
                    asked_anew = True
                    self._ask_anew(elsewhere.tenant_id)

    def _wait_for_store(self, moved: Moved, until: float) -> None:
        if moved.state == "fenced" and time.monotonic() >= until:
            told = str(moved.tenant_id), moved.epoch, self._bound
            threading.Thread(target=self._router.report_fenced, args=told, daemon=True).start()
        # a store whose epoch is older than ours is about to be opened at ours, and cannot tell us when
        self._wait(moved, moved, until, LOOK_SECONDS if moved.store_epoch < moved.epoch else self._bound)

    def _hand_on(self, elsewhere: Elsewhere, until: float) -> Response | None:
        """The owner's answer; None when it is to be tried here again, the owner being away or of another opinion."""
        with self._seat(elsewhere):
            answer = self._neighbours.ask(elsewhere)
        if answer is not None and answer.status_code != 421:
            metrics.HANDED_ON.labels(str(elsewhere.tenant_id)).inc()
            return answer
        unsettled = unavailable(f"The tenant is served in {elsewhere.region}, which does not answer for it yet.")
        self._ask_anew(elsewhere.tenant_id)
        self._wait(unsettled, elsewhere, until, LOOK_SECONDS)
        return None

    def _wait(self, refusal: Problem, known: Moved | Elsewhere, until: float, longest: float) -> None:
        """Until an epoch newer than the known one is heard of, or it is worth another look; raises past the bound."""
        left = until - time.monotonic()
        if left <= 0:
            raise refusal
        with self._seat(refusal):
            self._router.wait_beyond(str(known.tenant_id), known.epoch, min(left, longest))

    @contextmanager
    def _seat(self, refusal: Problem) -> Iterator[None]:
        if not self._seats.acquire(blocking=False):
            raise unavailable("Too many requests of tenants that move are waiting here.") from refusal
        try:
            yield
        finally:
            self._seats.release()

    def _ask_anew(self, tenant_id: UUID) -> None:
        with suppress(Refused):  # the next attempt says so itself
            self._registry.tenant_now(str(tenant_id))
